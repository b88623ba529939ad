//! The parts of a text that are generated, between comments that say so.

use crate::Result;

fn begin(name: &str) -> String {
    format!("<!-- begin {name}: written by `harness report` -->")
}

fn end(name: &str) -> String {
    format!("<!-- end {name} -->")
}

/// `text` with `part` between the comments of that name.
pub fn fill(text: &str, name: &str, part: &str) -> Result<String> {
    let (begin, end) = (begin(name), end(name));
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("there is no `{begin}`"))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("there is no `{end}`"))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_is_replaced_and_nothing_else() {
        let text = format!("by hand\n{}\nold\n{}\nby hand\n", begin("table"), end("table"));
        let once = fill(&text, "table", "| new |\n").expect("both are there");
        assert!(once.starts_with("by hand\n<!--") && once.ends_with("-->\nby hand\n"));
        assert!(once.contains("\n\n| new |\n\n") && !once.contains("old"));
        assert_eq!(fill(&once, "table", "| new |").ok(), Some(once.clone()));
        assert!(fill(&text, "curves", "").is_err());
    }

    #[test]
    fn the_report_has_a_place_for_every_part() {
        let text = include_str!("../../../../docs/performance.md");
        for name in ["conditions", "ratios", "table", "curves", "latencies", "costs"] {
            assert!(fill(text, name, "").is_ok(), "{name}");
        }
    }
}
