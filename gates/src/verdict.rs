//! What has been counted beside what is recorded.

use crate::count::Count;
use crate::paths;
use crate::record::Record;
use std::fmt::Write;
use std::process::ExitCode;

/// Instructions may differ by this part of what is recorded,
const PART: f64 = 0.03;
/// or by this many where that is more;
const SOME_INSTRUCTIONS: f64 = 2.0;
/// and calls by this many.
const SOME_CALLS: f64 = 0.05;

#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) table: String,
    /// What is wrong, a line for each.
    wrong: Vec<String>,
    /// Why instructions were not compared.
    skipped: Option<String>,
}

pub(crate) fn compare(recorded: &Record, counted: &Record) -> Verdict {
    let mut verdict = Verdict::default();
    if recorded.made_by != counted.made_by {
        verdict.skipped =
            Some(format!("recorded with {}, but this is {}", recorded.made_by, counted.made_by));
    }
    let table = &mut verdict.table;
    let heads = ("path", "instructions", "recorded", "difference", "calls", "recorded");
    line(table, heads.0, heads.1, heads.2, heads.3, heads.4, heads.5);
    for (name, now) in &counted.counts {
        let Some(before) = recorded.of(name) else {
            let (instructions, calls) = (tenths(now.instructions), hundredths(now.calls));
            line(&mut verdict.table, name, &instructions, "-", "-", &calls, "-");
            verdict.wrong.push(format!("{name} is not recorded"));
            continue;
        };
        let change = format!("{:+.1} %", 100.0 * (now.instructions / before.instructions - 1.0));
        line(
            &mut verdict.table,
            name,
            &tenths(now.instructions),
            &tenths(before.instructions),
            &change,
            &hundredths(now.calls),
            &hundredths(before.calls),
        );
        verdict.look(name, before, *now);
    }
    for (name, _) in &recorded.counts {
        if !paths::all().any(|path| path.name == name) {
            verdict.wrong.push(format!("{name} is recorded, but there is no such path"));
        }
    }
    verdict
}

impl Verdict {
    fn look(&mut self, name: &str, before: Count, now: Count) {
        let allowed = (PART * before.instructions).max(SOME_INSTRUCTIONS);
        let (was, is) = (before.instructions, now.instructions);
        if self.skipped.is_none() && (is - was).abs() > allowed {
            self.wrong.push(format!("{name} {} instructions: {was:.1} → {is:.1}", moved(was, is)));
        }
        let (was, is) = (before.calls, now.calls);
        if (is - was).abs() > SOME_CALLS {
            self.wrong.push(format!("{name} {} system calls: {was:.2} → {is:.2}", moved(was, is)));
        }
    }

    /// Says what is wrong, and what to do.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(why) = &self.skipped {
            println!("\nINSTRUCTIONS WERE NOT COMPARED: {why}.");
            println!(
                "They are another compiler's or library's; --record anew when the project moves to these."
            );
        }
        if self.wrong.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!();
        for wrong in &self.wrong {
            println!("{wrong}");
        }
        println!(
            "\nIf that is as it should be: cargo run --profile gates -p gort-gates -- --record, and say why."
        );
        ExitCode::FAILURE
    }
}

fn moved(was: f64, is: f64) -> &'static str {
    if is > was { "takes MORE" } else { "takes fewer" }
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

fn hundredths(number: f64) -> String {
    format!("{number:.2}")
}

fn line(
    table: &mut String,
    path: &str,
    now: &str,
    was: &str,
    change: &str,
    calls: &str,
    were: &str,
) {
    let line = writeln!(table, "{path:<24} {now:>12} {was:>9} {change:>11} {calls:>7} {were:>9}");
    line.expect("a string takes what is written to it");
}
