//! Runs by `--gate` on two workers, split by how far apart the CPUs were. Hosts move the CPUs of a
//! virtual machine about: the round trip of a cache line may be 100 ns for minutes and 350 ns for the
//! next, and what two workers do together then takes up to twice as long.

use crate::metrics::{self, Metric};
use crate::numbers::{median, short};
use crate::peers::{OURS, is_minor};
use crate::record::Record;
use crate::results::JobRuns;
use crate::table::row;

/// Shorter round trips than that, in nanoseconds, are those of near CPUs.
pub const NEAR_BELOW: f64 = 260.0;

/// How far apart.
#[derive(Clone, Copy, PartialEq)]
enum Distance {
    Near,
    Far,
}

/// A Markdown table of the metric that counts of each job; nothing if no run has what it takes.
pub fn markdown(jobs: &[JobRuns], peers: &[&str], near_below: f64) -> String {
    let peers: Vec<&str> = peers.iter().copied().filter(|peer| !is_minor(peer)).collect();
    let mut text = String::new();
    for job in jobs.iter().filter(|job| job.label.ends_with(" w2")) {
        let [metric, ..] = metrics::of(job.workload) else { continue };
        let at = |peer: &str, distance| values(job, peer, metric, distance, near_below);
        let is_empty =
            |peer: &&str| at(peer, Distance::Near).is_empty() && at(peer, Distance::Far).is_empty();
        if peers.iter().all(is_empty) {
            continue;
        }
        let mut cells = vec![format!("{}: {}", job.label, metric.title)];
        cells.extend(peers.iter().map(|peer| {
            format!("{} / {}", cell(&at(peer, Distance::Near)), cell(&at(peer, Distance::Far)))
        }));
        cells.push(near_ratio(&peers, |peer| median(&at(peer, Distance::Near))));
        text += &row(&cells);
    }
    if text.is_empty() {
        return text;
    }
    let mut heads = vec!["near / far (runs)".to_owned()];
    heads.extend(peers.iter().map(|peer| (*peer).to_owned()));
    heads.push(format!("{OURS} / best peer, near"));
    let lines = "|---".repeat(heads.len());
    format!(
        "\n## Two workers, by the cache-line round trip between the CPUs (near: below \
         {near_below:.0} ns)\n\n{}{lines}|\n{text}",
        row(&heads)
    )
}

fn values(
    job: &JobRuns,
    peer: &str,
    metric: &Metric,
    wanted: Distance,
    near_below: f64,
) -> Vec<f64> {
    let good = job.of(peer).filter(|record| record.failure.is_none());
    let there = good.filter(|record| distance(record, near_below) == Some(wanted));
    there.filter_map(|record| Some(record.number(metric.field)? * metric.scale)).collect()
}

/// None if it was not measured, or has changed during the run.
fn distance(record: &Record, near_below: f64) -> Option<Distance> {
    let [before, after] = record.rtt?.map(|ns| ns < near_below);
    match (before, after) {
        (true, true) => Some(Distance::Near),
        (false, false) => Some(Distance::Far),
        _ => None,
    }
}

fn cell(values: &[f64]) -> String {
    median(values).map_or("-".into(), |middle| format!("{} ({})", short(middle), values.len()))
}

fn near_ratio(peers: &[&str], median_of: impl Fn(&str) -> Option<f64>) -> String {
    let others = peers.iter().filter(|peer| **peer != OURS);
    let medians = others.filter_map(|peer| Some((median_of(peer)?, *peer)));
    match (median_of(OURS), medians.min_by(|a, b| a.0.total_cmp(&b.0))) {
        (Some(ours), Some((best, peer))) => format!("{:.2} ({peer})", ours / best),
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::by_job;

    fn run(peer: &str, ns: f64, rtt: &str) -> Record {
        let line = format!(
            r#"{{"job":"ring w2","peer":"{peer}","rep":0,"args":"ring w=2","wall":0.2,
            "foreign_cpu_s":0.0,"workload":"ring","ns_per_op":{ns}{rtt}}}"#
        );
        serde_json::from_str(&line).expect("a record")
    }

    #[test]
    fn runs_are_split_by_the_round_trip() {
        let near = r#","rtt":[100,110]"#;
        let runs = [
            run("gort", 80.0, near),
            run("gort", 160.0, r#","rtt":[350,340]"#),
            run("gort", 999.0, r#","rtt":[100,340]"#),
            run("go", 100.0, near),
            run("go", 999.0, ""),
        ];
        let (jobs, peers) = by_job(&runs);
        let text = markdown(&jobs, &peers, NEAR_BELOW);
        let wanted = "| ring w2: ns/op | 80.0 (1) / 160 (1) | 100 (1) / - | 0.80 (go) |";
        assert_eq!(text.lines().last(), Some(wanted));
        assert_eq!(markdown(&jobs, &peers, 10.0).lines().count(), 6);
        let (jobs, peers) = by_job(&runs[4..]);
        assert_eq!(markdown(&jobs, &peers, NEAR_BELOW), "");
    }
}
