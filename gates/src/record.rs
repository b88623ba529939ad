//! What is recorded: `expected.txt`, a line for each path.

use crate::calls::Calls;
use crate::count::Count;
use std::fs;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/expected.txt");
const HEAD: &str = "\
# Instructions and system calls of an operation of each path; --list tells what that is.
# Written by `cargo run --profile gates -p gort-gates -- --record`; see README.md.
";
/// Begins the line that tells what made the instructions.
const MADE_BY: &str = "made by ";

#[derive(Default, PartialEq, Debug)]
pub(crate) struct Record {
    /// The compiler and the C library whose instructions these are.
    pub(crate) made_by: String,
    pub(crate) counts: Vec<(String, Count)>,
}

/// The compiler that made this program, and the C library that it runs with.
pub(crate) fn made_by() -> Result<String, String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let output = output.map_err(|error| format!("getconf: {error}"))?;
    let library = String::from_utf8_lossy(&output.stdout);
    Ok(format!("{}, {}", env!("GATES_COMPILER"), library.trim()))
}

impl Record {
    pub(crate) fn read() -> Result<Record, String> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        Record::parse(&text)
            .map_err(|line| format!("{FILE} has a line that it should not: {line:?}"))
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        fs::write(FILE, self.text()).map_err(|error| format!("{FILE}: {error}"))
    }

    /// `Err`: the line that is none.
    fn parse(text: &str) -> Result<Record, String> {
        let mut record = Record::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(made_by) = line.strip_prefix(MADE_BY) {
                record.made_by = made_by.into();
                continue;
            }
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default();
            let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
            // All calls together are for people.
            let (Some(instructions), Some(_)) = (number(), number()) else {
                return Err(line.into());
            };
            let calls = Calls::parse(words).ok_or(line)?;
            record.counts.push((name.into(), Count { instructions, calls }));
        }
        Ok(record)
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}{MADE_BY}{}\n\n", self.made_by);
        for (name, Count { instructions, calls }) in &self.counts {
            text += &format!("{name:<24} {instructions:>9.1} {:>7.2}{calls}\n", calls.total());
        }
        text
    }

    /// Keeps what an earlier record says of paths that have not really moved, so that the difference between
    /// the two files is what has.
    pub(crate) fn keep(&mut self, earlier: &Record) {
        for (name, now) in &mut self.counts {
            if let Some(before) = earlier.of(name)
                && (now.instructions - before.instructions).abs()
                    < (0.005 * before.instructions).max(0.3)
                && before.calls.moved(&now.calls, 0.01).next().is_none()
            {
                *now = before.clone();
            }
        }
    }

    /// Takes these counts instead of the ones it has of the same paths.
    pub(crate) fn replace(&mut self, counts: Vec<(String, Count)>) {
        for (name, count) in counts {
            if let Some(old) = self.counts.iter_mut().find(|old| old.0 == name) {
                old.1 = count;
            }
        }
    }

    pub(crate) fn of(&self, name: &str) -> Option<&Count> {
        self.counts.iter().find(|(of, _)| of == name).map(|(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Calls {
        Calls::parse(text.split_whitespace()).expect("calls")
    }

    #[test]
    fn what_is_written_is_read() {
        let counts = vec![
            ("switch".into(), Count { instructions: 17.5, calls: Calls::default() }),
            ("echo".into(), Count { instructions: 3000.0, calls: calls("read=2 write=0.25") }),
        ];
        let record = Record { made_by: "rustc 1.0.0 (of May), glibc 2.0".into(), counts };
        assert_eq!(Record::parse(&record.text()), Ok(record));
    }

    #[test]
    fn what_has_not_moved_is_kept() {
        let record = |instructions, text| Record {
            made_by: String::new(),
            counts: vec![("switch".into(), Count { instructions, calls: calls(text) })],
        };
        for (now, kept) in [((100.4, ""), true), ((100.6, ""), false), ((100.0, "read=0.1"), false)]
        {
            let (earlier, mut now) = (record(100.0, ""), record(now.0, now.1));
            now.keep(&earlier);
            assert_eq!(now == earlier, kept);
        }
    }

    #[test]
    fn a_line_that_is_none() {
        for line in ["switch", "switch 1.0", "switch many 0", "switch 1.0 1 read", "<<<<<<< HEAD"] {
            assert_eq!(Record::parse(line), Err(line.into()));
        }
    }
}
