//! Runs, put together for the tables.

use crate::machine::cpus;
use crate::record::{Record, Status};
use crate::{jobs, metrics, near_far, peers, table};

/// All runs of one job.
pub struct JobRuns<'a> {
    pub label: &'a str,
    pub workload: &'a str,
    runs: Vec<&'a Record>,
}

impl<'a> JobRuns<'a> {
    /// The runs of one peer.
    pub fn of(&self, peer: &str) -> impl Iterator<Item = &'a Record> {
        self.runs.iter().copied().filter(move |record| record.peer == peer)
    }

    /// Have all of that peer's runs been of the size that the list of jobs says?
    pub fn are_full(&self, peer: &str) -> bool {
        let job = jobs::all().into_iter().find(|job| job.label == self.label);
        let command = job.map(|job| job.command(peer).join(" "));
        self.of(peer).all(|run| Some(&run.args) == command.as_ref())
    }

    /// What `metric` was in that peer's runs that were good.
    pub fn values(&self, peer: &str, metric: &metrics::Metric) -> Vec<f64> {
        self.numbers(peer, metric.field).into_iter().map(|number| number * metric.scale).collect()
    }

    /// The same as the programs have printed it.
    pub fn numbers(&self, peer: &str, field: &str) -> Vec<f64> {
        let good = self.of(peer).filter(|record| record.failure.is_none());
        good.filter_map(|record| record.number(field)).collect()
    }
}

/// In the place of a job's label: this line says under which conditions those after it were run.
pub const CONDITIONS: &str = "conditions";

/// The runs by job, and the peers; both in the order of the lists in this program, then in the order in
/// which they come.
pub fn by_job(records: &[Record]) -> (Vec<JobRuns<'_>>, Vec<&str>) {
    let mut by_job: Vec<JobRuns> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for record in records.iter().filter(|record| record.job != CONDITIONS) {
        if !names.contains(&record.peer.as_str()) {
            names.push(&record.peer);
        }
        match by_job.iter_mut().find(|job| job.label == record.job) {
            Some(job) => job.runs.push(record),
            None => by_job.push(JobRuns {
                label: &record.job,
                workload: record.args.split(' ').next().unwrap_or_default(),
                runs: vec![record],
            }),
        }
    }
    let listed: Vec<String> = jobs::all().into_iter().map(|job| job.label).collect();
    by_job.sort_by_key(|job| {
        listed.iter().position(|label| label == job.label).unwrap_or(listed.len())
    });
    let known: Vec<String> = peers::all().into_iter().map(|peer| peer.name).collect();
    names.sort_by_key(|name| known.iter().position(|peer| peer == name).unwrap_or(known.len()));
    (by_job, names)
}

/// Everything there is to say.
pub fn markdown(records: &[Record], near_below: f64) -> String {
    let (jobs, peers) = by_job(records);
    tables(&jobs, &peers, near_below) + &disturbed(records)
}

/// The tables of these jobs, and what went wrong.
pub fn tables(jobs: &[JobRuns], peers: &[&str], near_below: f64) -> String {
    // Those that have part in none of them have no column.
    let peers: Vec<&str> = peers
        .iter()
        .copied()
        .filter(|peer| jobs.iter().any(|job| job.of(peer).next().is_some()))
        .collect();
    let mut text = table::markdown(jobs, &peers);
    text += &near_far::markdown(jobs, &peers, near_below);
    text + &failures(jobs, &peers)
}

/// Which runs had no result, and why.
pub fn failures(jobs: &[JobRuns], peers: &[&str]) -> String {
    let mut text = String::new();
    for (job, peer) in jobs.iter().flat_map(|job| peers.iter().map(move |peer| (job, peer))) {
        let all = job.of(peer).count();
        let failed: Vec<_> =
            job.of(peer).filter_map(|run| Some((run, run.failure.as_ref()?))).collect();
        let Some((run, failure)) = failed.first() else { continue };
        if failure.status != Status::NotApplicable {
            text += &format!(
                "- {peer}, {} (`{}`): {} in {} of {all} runs: {}\n",
                job.label,
                run.args,
                failure.status,
                failed.len(),
                failure.why
            );
        }
    }
    if text.is_empty() { text } else { format!("\n## Failures\n\n{text}") }
}

/// Which runs had to share the machine.
pub fn disturbed(records: &[Record]) -> String {
    let disturbed: Vec<String> = records
        .iter()
        .filter(|record| record.is_disturbed())
        .map(|run| {
            format!(
                "{}/{} {:.2} s of {:.2}",
                run.job,
                run.peer,
                run.foreign_cpu_s,
                cpus() * run.wall
            )
        })
        .collect();
    if disturbed.is_empty() {
        return format!("\nNone of {} runs was disturbed.\n", records.len());
    }
    let some: Vec<&str> = disturbed.iter().take(20).map(String::as_str).collect();
    format!(
        "\nOf {} runs, {} were disturbed: others used more than a tenth of the machine. {}{}\n",
        records.len(),
        disturbed.len(),
        some.join(", "),
        if disturbed.len() > some.len() { ", .." } else { "" }
    )
}
