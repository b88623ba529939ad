//! One run, as a line of a file of results.

use crate::Result;
use crate::machine::{cpus, load};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// What a program has printed.
pub type Fields = Map<String, Value>;

/// What every program prints.
const ALWAYS: [&str; 6] = ["workers", "n", "seconds", "rate", "ns_per_op", "rss_kib"];

/// A run and its circumstances.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    pub job: String,
    pub peer: String,
    pub rep: usize,
    /// The program's arguments.
    pub args: String,
    /// How long the process was there, in seconds.
    pub wall: f64,
    /// The CPU that others used meanwhile, and the host, in seconds.
    pub foreign_cpu_s: f64,
    #[serde(default)]
    pub steal_s: f64,
    #[serde(default)]
    pub load: f64,
    /// Cache-line round trips before and after it, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<[f64; 2]>,
    /// How many times slower than the reference both CPUs were before and after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower: Option<[f64; 2]>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(flatten)]
    pub fields: Fields,
}

/// Why there is no result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub status: Status,
    #[serde(default)]
    pub why: String,
}

/// In what way there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The peer does not do this workload.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// It took too long.
    Hang,
    /// It ended with an error, perhaps since it found its result to be wrong.
    Crash,
    /// What it printed makes no sense.
    Bad,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::NotApplicable => "n/a",
            Status::Hang => "HANG",
            Status::Crash => "CRASH",
            Status::Bad => "BAD",
        })
    }
}

impl Record {
    /// Of something that was not measured by a run.
    pub fn new(job: &str, peer: &str, args: &str, fields: Fields) -> Record {
        Record {
            job: job.into(),
            peer: peer.into(),
            rep: 0,
            args: args.into(),
            wall: 0.0,
            foreign_cpu_s: 0.0,
            steal_s: 0.0,
            load: load(),
            rtt: None,
            slower: None,
            failure: None,
            fields,
        }
    }

    /// A number that the program has printed.
    pub fn number(&self, field: &str) -> Option<f64> {
        self.fields.get(field)?.as_f64()
    }

    /// Did others use more than a tenth of the machine, all attempts notwithstanding?
    pub fn is_disturbed(&self) -> bool {
        self.foreign_cpu_s > 0.03 + 0.1 * cpus() * self.wall
    }
}

/// Adds a line to a file of results.
pub fn append(path: &Path, record: &Record) -> Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    writeln!(file, "{}", serde_json::to_string(record)?)?;
    Ok(())
}

/// Does the line that a program has printed belong to `workload`, with all the numbers there should be?
pub fn check(fields: &Fields, workload: &str, needed: &[&str]) -> Result<()> {
    if fields.get("workload").and_then(Value::as_str) != Some(workload) {
        return Err(format!("the result is not one of {workload}").into());
    }
    for name in ALWAYS.iter().chain(needed) {
        match fields.get(*name).and_then(Value::as_f64) {
            Some(number) if number.is_finite() => {}
            _ => return Err(format!("the result has no number `{name}`").into()),
        }
    }
    if fields.get("n").and_then(Value::as_f64) <= Some(0.0) {
        return Err("nothing was done".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"job":"ring w2","peer":"go","rep":0,"args":"ring w=2","wall":0.2,
        "foreign_cpu_s":0.0,"steal_s":0.0,"load":0.1,"workload":"ring","workers":2,"n":5,
        "seconds":0.1,"rate":1.0,"ns_per_op":7.5,"rss_kib":1}"#;

    #[test]
    fn a_result_comes_back_as_it_was_written() {
        let record: Record = serde_json::from_str(LINE).expect("a record");
        assert!(record.failure.is_none());
        assert_eq!(record.number("ns_per_op"), Some(7.5));
        assert!(check(&record.fields, "ring", &["ns_per_op"]).is_ok());
        assert!(check(&record.fields, "ring", &["ms"]).is_err());
        assert!(check(&record.fields, "mpmc", &[]).is_err());
        let again = serde_json::to_string(&record).expect("a line");
        let again: Record = serde_json::from_str(&again).expect("a record");
        assert_eq!(again.fields, record.fields);
    }

    #[test]
    fn so_does_a_failure() {
        let line = r#"{"job":"mem","peer":"may","rep":1,"args":"mem","wall":1.0,
            "foreign_cpu_s":0.0,"status":"crash","why":"signal SIGABRT"}"#;
        let record: Record = serde_json::from_str(line).expect("a record");
        let again = serde_json::to_string(&record).expect("a line");
        let again: Record = serde_json::from_str(&again).expect("a record");
        let failure = again.failure.expect("it failed");
        assert_eq!((failure.status, failure.why.as_str()), (Status::Crash, "signal SIGABRT"));
    }
}
