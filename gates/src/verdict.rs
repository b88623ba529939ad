//! What has been counted beside what is recorded.

use crate::count::Count;
use crate::paths;
use crate::record::Record;
use std::fmt;

/// Instructions may differ by this part of what is recorded,
const PART: f64 = 0.03;
/// or by this many where that is more;
const SOME_INSTRUCTIONS: f64 = 1.0;
/// and each kind of call by this many.
const SOME_CALLS: f64 = 0.05;

pub(crate) struct Verdict {
    rows: Vec<Row>,
    /// Paths that are recorded, and are none.
    gone: Vec<String>,
    /// Why instructions are not compared.
    strangers: Option<String>,
}

struct Row {
    name: String,
    now: Count,
    before: Option<Count>,
    /// What is wrong, a sentence for each.
    wrong: Vec<String>,
}

impl Verdict {
    pub(crate) fn of(recorded: &Record, counted: &Record) -> Verdict {
        let (theirs, ours) = (&recorded.made_by, &counted.made_by);
        let strangers = (theirs != ours)
            .then(|| format!("they were recorded with {theirs}, and this is {ours}"));
        let row = |(name, now): &(String, Count)| {
            let before = recorded.of(name);
            let wrong = look(name, before, now, strangers.is_none());
            Row { name: name.clone(), now: now.clone(), before: before.cloned(), wrong }
        };
        let rows = counted.counts.iter().map(row).collect();
        let names = recorded.counts.iter().map(|(name, _)| name);
        let gone = names.filter(|name| paths::all().all(|path| path.name != *name));
        Verdict { rows, gone: gone.cloned().collect(), strangers }
    }

    /// Is this path as recorded?
    pub(crate) fn passes(&self, name: &str) -> bool {
        self.rows.iter().all(|row| row.name != name || row.wrong.is_empty())
    }

    pub(crate) fn is_good(&self) -> bool {
        self.gone.is_empty() && self.rows.iter().all(|row| row.wrong.is_empty())
    }
}

/// What is wrong with a path's count.
fn look(name: &str, before: Option<&Count>, now: &Count, same_makers: bool) -> Vec<String> {
    let Some(before) = before else { return vec![format!("{name} is not recorded")] };
    let mut wrong = Vec::new();
    let (was, is) = (before.instructions, now.instructions);
    if same_makers && (is - was).abs() > (PART * was).max(SOME_INSTRUCTIONS) {
        wrong.push(format!("{name} takes {} instructions: {was:.1}, now {is:.1}", more(was, is)));
    }
    for (call, was, is) in before.calls.moved(&now.calls, SOME_CALLS) {
        wrong
            .push(format!("{name} makes {} calls of {call}: {was:.2}, now {is:.2}", more(was, is)));
    }
    wrong
}

fn more(was: f64, is: f64) -> &'static str {
    if is > was { "MORE" } else { "fewer" }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, calls) = ("path", "calls");
        writeln!(f, "{path:<24} instructions  recorded  difference   {calls}  recorded")?;
        for Row { name, now, before, .. } in &self.rows {
            let Count { instructions, calls } = now;
            write!(f, "{name:<24} {instructions:>12.1} ")?;
            match before {
                Some(before) => {
                    let change = 100.0 * (instructions / before.instructions - 1.0);
                    write!(f, "{:>9.1} {change:>+9.1} % ", before.instructions)?;
                    writeln!(f, "{:>7.2} {:>9.2}{calls}", calls.total(), before.calls.total())?;
                }
                None => writeln!(f, "{0:>9} {0:>11} {1:>7.2} {0:>9}{calls}", "-", calls.total())?,
            }
        }
        if let Some(why) = &self.strangers {
            writeln!(f, "\nINSTRUCTIONS WERE NOT COMPARED: {why}.")?;
            writeln!(
                f,
                "Record them anew when the project goes over to these; system calls were compared."
            )?;
        }
        if self.is_good() {
            return Ok(());
        }
        writeln!(f)?;
        for wrong in self.rows.iter().flat_map(|row| &row.wrong) {
            writeln!(f, "{wrong}")?;
        }
        for name in &self.gone {
            writeln!(f, "{name} is recorded, and there is no such path")?;
        }
        writeln!(
            f,
            "\nIf it is to be so: cargo run --profile gates -p gort-gates -- --record; say why in the commit."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Calls;

    fn record(made_by: &str, name: &str, instructions: f64, calls: f64) -> Record {
        let mut named = Calls::default();
        named.add("futex", calls);
        let counts = vec![(name.into(), Count { instructions, calls: named })];
        Record { made_by: made_by.into(), counts }
    }

    /// The sentences about the path "switch", recorded with 100 instructions and one call.
    fn sentences(now: &Record) -> Vec<String> {
        let verdict = Verdict::of(&record("us", "switch", 100.0, 1.0), now);
        assert_eq!(verdict.is_good(), verdict.passes("switch"));
        verdict.rows.into_iter().flat_map(|row| row.wrong).collect()
    }

    #[test]
    fn a_little_is_nothing() {
        for (instructions, calls) in [(100.0, 1.0), (103.0, 1.04), (97.0, 0.96)] {
            assert!(sentences(&record("us", "switch", instructions, calls)).is_empty());
        }
    }

    #[test]
    fn what_has_moved_is_named() {
        let said = sentences(&record("us", "switch", 103.5, 1.0));
        assert_eq!(said, ["switch takes MORE instructions: 100.0, now 103.5"]);
        let said = sentences(&record("us", "switch", 90.0, 1.5));
        assert_eq!(said[0], "switch takes fewer instructions: 100.0, now 90.0");
        assert_eq!(said[1], "switch makes MORE calls of futex: 1.00, now 1.50");
    }

    #[test]
    fn other_makers_make_other_instructions() {
        assert!(sentences(&record("others", "switch", 200.0, 1.0)).is_empty());
        assert_eq!(sentences(&record("others", "switch", 200.0, 2.0)).len(), 1);
        let verdict =
            Verdict::of(&record("us", "switch", 1.0, 0.0), &record("others", "switch", 2.0, 0.0));
        assert!(
            verdict
                .to_string()
                .contains("NOT COMPARED: they were recorded with us, and this is others")
        );
    }

    #[test]
    fn what_is_on_one_side_only() {
        let verdict =
            Verdict::of(&record("us", "no.such", 1.0, 0.0), &record("us", "switch", 1.0, 0.0));
        assert!(!verdict.is_good());
        assert_eq!(verdict.gone, ["no.such"]);
        assert_eq!(verdict.rows[0].wrong, ["switch is not recorded"]);
    }
}
