//! On what, with what and when it was measured: kept with the results, as their first line.

use crate::machine::{cpus, now};
use crate::peers::bench_dir;
use crate::record::{Fields, Record};
use crate::results::CONDITIONS;
use crate::table::row;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Those of today.
pub fn now_with(command: &str, left_out: &[String]) -> Record {
    let mut fields = Fields::new();
    let mut put = |name: &str, value: String| fields.insert(name.into(), value.into());
    put("date", now());
    put("command", format!("cargo run --release -p harness -- {command}"));
    put("CPU", cpu());
    put("memory", memory());
    put("kernel", said_by("uname", &["-sr"]));
    put("gort", said_by("git", &["describe", "--always", "--dirty"]));
    put("Rust", said_by("rustc", &["--version"]));
    put("Go", said_by("go", &["version"]));
    put("crates", crates());
    if !left_out.is_empty() {
        put("left out", left_out.join("; "));
    }
    Record::new(CONDITIONS, "", CONDITIONS, fields)
}

/// A table of those that are among `records`. What is the same for the next run is not said again.
pub fn markdown(records: &[Record]) -> String {
    let mut text = row(&["".into(), "".into()]) + "|---|---|\n";
    let mut holds = BTreeMap::new();
    let all = records.iter().filter(|record| record.job == CONDITIONS);
    for (name, value) in all.flat_map(|record| &record.fields) {
        let value = value.as_str().unwrap_or_default();
        if holds.insert(name, value) == Some(value) {
            continue;
        }
        let value = if name == "command" { format!("`{value}`") } else { value.to_owned() };
        text += &row(&[name.clone(), if value.is_empty() { "not there".into() } else { value }]);
    }
    if holds.is_empty() { "The results do not say.\n".into() } else { text }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
    };
    let is_virtual = value("flags").split(' ').any(|flag| flag == "hypervisor");
    let kind = if is_virtual { ", of a virtual machine" } else { "" };
    format!("{} × {}{kind}", cpus(), value("model name"))
}

fn memory() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = info.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok());
    kib.map_or(String::new(), |kib| format!("{:.0} GiB", kib / (1024.0 * 1024.0)))
}

/// What those are called that gort is compared with, or in which the comparison is written.
const CRATES: [&str; 9] = [
    "go-lib",
    "may",
    "tokio",
    "smol",
    "async-channel",
    "crossbeam-channel",
    "parking_lot",
    "corosensei",
    "libc",
];

/// Their versions.
fn crates() -> String {
    let lock = fs::read_to_string(bench_dir().join("Cargo.lock")).unwrap_or_default();
    let found = CRATES.iter().filter_map(|name| Some(format!("{name} {}", version(&lock, name)?)));
    found.collect::<Vec<String>>().join(", ")
}

fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split('"').next()
}

/// The first line of what a program says; nothing, if it is not there or fails.
fn said_by(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(bench_dir()).output();
    let good = output.ok().filter(|output| output.status.success());
    let text = good.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock =
            "name = \"may_queue\"\nversion = \"0.1\"\n\nname = \"may\"\nversion = \"0.3.51\"\n";
        assert_eq!(version(lock, "may"), Some("0.3.51"));
        assert_eq!(version(lock, "tokio"), None);
    }

    #[test]
    fn conditions_are_found_among_results() {
        let one = now_with("report -r 3", &["go is left out".into()]);
        let other = now_with("report -r 5", &[]);
        let text = markdown(&[one, other]);
        assert!(text.contains("| left out | go is left out |"), "{text}");
        assert!(text.contains("-- report -r 3`") && text.contains("-- report -r 5`"), "{text}");
        assert_eq!(text.matches("| kernel |").count(), 1, "{text}");
        assert_eq!(markdown(&[]), "The results do not say.\n");
    }
}
