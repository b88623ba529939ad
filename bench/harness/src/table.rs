//! The table: a row for each metric of each job, a column for each peer.

use crate::metrics::{self, Better, Metric};
use crate::numbers::{median, short, spread};
use crate::peers::{OURS, is_minor};
use crate::record::Failure;
use crate::results::JobRuns;
use crate::targets::{self, Target};

const NOT_RUN: &str = "-";

/// A Markdown table.
pub fn markdown(jobs: &[JobRuns], peers: &[&str]) -> String {
    let minor: Vec<&str> = peers.iter().copied().filter(|peer| is_minor(peer)).collect();
    let major: Vec<&str> = peers.iter().copied().filter(|peer| !is_minor(peer)).collect();
    let mut heads = vec!["workload: metric".to_owned()];
    heads.extend(major.iter().map(|peer| (*peer).to_owned()));
    if !minor.is_empty() {
        heads.push("others".into());
    }
    heads.extend([format!("{OURS} / best peer"), "target".into()]);
    let mut text = row(&heads) + &"|---".repeat(heads.len()) + "|\n";
    for job in jobs {
        for metric in metrics::of(job.workload) {
            let mut cells = vec![format!("{}: {}", job.label, metric.title)];
            cells.extend(major.iter().map(|peer| cell(job, peer, metric)));
            if !minor.is_empty() {
                let there = minor.iter().filter(|peer| job.of(peer).next().is_some());
                let others: Vec<String> =
                    there.map(|peer| format!("{peer} {}", cell(job, peer, metric))).collect();
                cells.push(others.join("; "));
            }
            cells.push(ratio(job, peers, metric));
            let targets = targets::of(job.label, metric);
            let targets: Vec<String> = targets.map(|one| target(job, peers, metric, one)).collect();
            cells.push(targets.join(", "));
            text += &row(&cells);
        }
    }
    text
}

/// A row of a Markdown table.
pub fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn cell(job: &JobRuns, peer: &str, metric: &Metric) -> String {
    let runs = job.of(peer).count();
    let failures: Vec<&Failure> =
        job.of(peer).filter_map(|record| record.failure.as_ref()).collect();
    let good = spread(&job.values(peer, metric));
    match (good, failures.first()) {
        (Some(good), None) => good,
        (Some(good), Some(first)) => {
            format!("{good} ({} of {runs} {})", failures.len(), first.status)
        }
        (None, Some(first)) => first.status.to_string(),
        (None, None) => NOT_RUN.into(),
    }
}

/// Ours divided by the best of the others. Below 1 it is better where less is, as nearly everywhere.
fn ratio(job: &JobRuns, peers: &[&str], metric: &Metric) -> String {
    if metric.better == Better::Neither {
        return String::new();
    }
    let ours = median(&job.values(OURS, metric));
    match (ours, best_other(job, peers, metric)) {
        (Some(ours), Some((best, peer))) if best > 0.0 => format!("{:.2} ({peer})", ours / best),
        (None, Some((best, peer))) => format!("{NOT_RUN} ({peer} {})", short(best)),
        _ => NOT_RUN.into(),
    }
}

/// The best median of the others, and whose it is.
pub fn best_other<'a>(job: &JobRuns, peers: &[&'a str], metric: &Metric) -> Option<(f64, &'a str)> {
    let others = peers.iter().filter(|peer| **peer != OURS);
    let medians = others.filter_map(|peer| Some((median(&job.values(peer, metric))?, *peer)));
    match metric.better {
        Better::Lower => medians.min_by(|a, b| a.0.total_cmp(&b.0)),
        Better::Higher => medians.max_by(|a, b| a.0.total_cmp(&b.0)),
        Better::Neither => None,
    }
}

/// What is to be reached, and whether it is.
fn target(job: &JobRuns, peers: &[&str], metric: &Metric, target: Target) -> String {
    let of = |peer| median(&job.values(peer, metric));
    let (text, bound) = match target {
        Target::AtMost(bound) => (format!("≤ {bound}"), Some(bound)),
        Target::AtLeast(bound) => (format!("≥ {bound}"), Some(bound)),
        Target::As(peer, tolerance) => {
            (format!("as {peer}"), of(peer).map(|median| median + tolerance))
        }
        Target::AtMostOf(peer, part) => {
            (format!("≤ {}", times(part, peer)), of(peer).map(|median| median * part))
        }
        Target::AtLeastOf(peer, part) => {
            (format!("≥ {}", times(part, peer)), of(peer).map(|median| median * part))
        }
        Target::Best => {
            let major: Vec<&str> = peers.iter().copied().filter(|peer| !is_minor(peer)).collect();
            ("best runtime".into(), best_other(job, &major, metric).map(|(best, _)| best))
        }
    };
    let reaches = |ours: f64, bound: f64| match metric.better {
        Better::Higher => ours >= bound,
        Better::Lower | Better::Neither => ours <= bound,
    };
    match (of(OURS), bound) {
        // A target is for the full size.
        (Some(_), _) if !job.are_full(OURS) => text,
        (Some(ours), Some(bound)) if reaches(ours, bound) => format!("{text} ✓"),
        (Some(_), Some(_)) => format!("{text} ✗"),
        _ => text,
    }
}

/// A part of what a peer has.
fn times(part: f64, peer: &str) -> String {
    if part == 1.0 { peer.into() } else { format!("{part} {peer}") }
}

#[cfg(test)]
mod tests {
    use crate::record::Record;
    use crate::results::by_job;

    fn run(peer: &str, ns: f64) -> Record {
        let line = format!(
            r#"{{"job":"pingpong w2","peer":"{peer}","rep":0,"args":"pingpong w=2","wall":0.2,
            "foreign_cpu_s":0.0,"workload":"pingpong","ns_per_op":{ns}}}"#
        );
        serde_json::from_str(&line).expect("a record")
    }

    fn failed(peer: &str) -> Record {
        let mut record = run(peer, 0.0);
        record.failure = serde_json::from_str(r#"{"status":"hang","why":"it hung"}"#).ok();
        record
    }

    fn rows(records: &[Record]) -> Vec<String> {
        let (jobs, peers) = by_job(records);
        super::markdown(&jobs, &peers).lines().skip(2).map(str::to_owned).collect()
    }

    #[test]
    fn a_row_has_medians_the_ratio_and_the_target() {
        let runs = [run("may", 200.0), run("gort", 90.0), run("go", 100.0), run("go", 200.0)];
        let wanted = "| pingpong w2: ns/op | 90.0 | 150 [100..200] | 200 | 0.60 (go) | ≤ 100 ✓ |";
        assert_eq!(rows(&runs), [wanted]);
    }

    #[test]
    fn a_target_that_is_no_round_number_is_shown_as_it_is() {
        let line = r#"{"job":"mutex w1","peer":"gort","rep":0,"args":"mutex w=1","wall":0.2,
            "foreign_cpu_s":0.0,"workload":"mutex","ns_per_op":4.4}"#;
        let run: Record = serde_json::from_str(line).expect("a record");
        assert_eq!(rows(&[run]), ["| mutex w1: ns/op | 4.4 | - | ≤ 4.5 ✓ |"]);
    }

    #[test]
    fn targets_are_for_runs_of_the_full_size() {
        let mut small = run("gort", 90.0);
        small.args = "pingpong w=2 n=100".into();
        assert_eq!(rows(&[small]), ["| pingpong w2: ns/op | 90.0 | - | ≤ 100 |"]);
    }

    #[test]
    fn targets_may_be_what_peers_have() {
        let run = |peer: &str, rate: u32| -> Record {
            let line = format!(
                r#"{{"job":"tcp64 pinned","peer":"{peer}","rep":0,
                "args":"tcp w=1 conns=64 pin=1","wall":4,"foreign_cpu_s":0.0,"rate":{rate}}}"#
            );
            serde_json::from_str(&line).expect("a record")
        };
        let runs = [run("gort", 97), run("go", 96), run("tokio", 98), run("epoll", 100)];
        let wanted = "| tcp64 pinned: requests/s | 97.0 | 96.0 | 98.0 | epoll 100 | 0.97 (epoll) | \
                      ≥ 0.97 epoll ✓, best runtime ✗ |";
        assert_eq!(rows(&runs)[0], wanted);
    }

    #[test]
    fn failures_are_shown() {
        let runs = [failed("gort"), run("go", 100.0), failed("go"), run("corosensei", 9.0)];
        let wanted = "| pingpong w2: ns/op | HANG | 100 (1 of 2 HANG) | corosensei 9.0 | \
                      - (corosensei 9.0) | ≤ 100 |";
        assert_eq!(rows(&runs), [wanted]);
    }
}
