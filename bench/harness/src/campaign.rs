//! Running jobs: each round, each job, each peer in turn, so that what changes on the machine in the
//! course of hours falls on all alike.

use crate::cli::TableOptions;
use crate::jobs::Job;
use crate::machine::{Cpus, Gate, Watch, cpus, load, wait_until_idle};
use crate::peers::{Peer, bench_dir};
use crate::record::{Failure, Record, Status, append, check};
use crate::{Result, build, metrics, program};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// A run during which others used the machine is repeated, up to so often in all.
const ATTEMPTS: usize = 3;
/// A peer that has failed on a job so often is not tried on it any more.
const FAILURES: usize = 2;

/// Runs `jobs` with those of their peers that there are. Appends a line for each run to the file.
pub fn run(jobs: &[Job], peers: &[Peer], options: &TableOptions) -> Result<Vec<Record>> {
    let gate = if options.gate {
        build::build_calib()?;
        wait_until_idle();
        Some(Gate::new()?)
    } else {
        None
    };
    let path = output_path(options)?;
    let mut failures: HashMap<(&str, &str), usize> = HashMap::new();
    let mut records = Vec::new();
    for repetition in 0..options.repetitions {
        for job in jobs.iter().filter(|job| repetition < job.repetitions) {
            for peer in peers.iter().filter(|peer| job.peers.contains(&peer.name)) {
                let failed = failures.entry((&job.label, &peer.name)).or_default();
                if *failed >= FAILURES {
                    continue;
                }
                let record = least_disturbed(job, peer, repetition, gate.as_ref(), options.quick)?;
                *failed += match record.failure.as_ref().map(|failure| failure.status) {
                    None => 0,
                    // It will not be any other the next time.
                    Some(Status::NotApplicable) => FAILURES,
                    Some(_) => 1,
                };
                append(&path, &record)?;
                eprintln!("{}", progress(&record));
                records.push(record);
            }
        }
    }
    eprintln!("== appended to {}", path.display());
    Ok(records)
}

fn output_path(options: &TableOptions) -> Result<PathBuf> {
    if let Some(path) = &options.output {
        return Ok(path.into());
    }
    let directory = bench_dir().join("results");
    fs::create_dir_all(&directory)?;
    Ok(directory.join(if options.quick { "quick.jsonl" } else { "results.jsonl" }))
}

/// Of up to three runs, the one during which others used least of the machine. A failure is not repeated.
fn least_disturbed(
    job: &Job,
    peer: &Peer,
    repetition: usize,
    gate: Option<&Gate>,
    quick: bool,
) -> Result<Record> {
    let mut best: Option<Record> = None;
    for _ in 0..if quick { 1 } else { ATTEMPTS } {
        if !quick {
            wait_until_idle();
        }
        let record = run_once(job, peer, repetition, gate)?;
        let done = record.failure.is_some() || record.foreign_cpu_s <= tolerated(record.wall);
        if best.as_ref().is_none_or(|best| record.foreign_cpu_s < best.foreign_cpu_s) {
            best = Some(record);
        }
        if done {
            break;
        }
    }
    best.ok_or_else(|| "nothing was run".into())
}

/// A twentieth of the machine, and what the clocks' ticks may amount to.
fn tolerated(wall: f64) -> f64 {
    0.03 + 0.05 * cpus() * wall
}

fn run_once(job: &Job, peer: &Peer, repetition: usize, gate: Option<&Gate>) -> Result<Record> {
    let words = job.command(&peer.name);
    let before = gate.map(Gate::wait).transpose()?;
    let watch = Watch::start();
    let mut result = program::run(peer, &words, job.timeout);
    let seen = watch.end();
    let after = gate.map(Gate::look).transpose()?;
    let both = before.zip(after);
    let slow = both.is_some_and(|(before, after)| before.are_slow() || after.are_slow());
    // A CPU that was slow was used by somebody whom the kernel does not see.
    let foreign = seen.foreign + if slow { seen.wall } else { 0.0 };
    if result.failure.is_none() {
        let needed: Vec<&str> = metrics::of(job.workload).iter().map(|it| it.field).collect();
        if let Err(error) = check(&result.fields, job.workload, &needed) {
            result.failure = Some(Failure { status: Status::Bad, why: error.to_string() });
        }
    }
    // The job's peer is the one that counts: one program may be several of them.
    result.fields.shift_remove("peer");
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    result.fields.insert("at".into(), time.into());
    let both_of = |what: fn(Cpus) -> f64| both.map(|(before, after)| [what(before), what(after)]);
    Ok(Record {
        job: job.label.clone(),
        peer: peer.name.clone(),
        rep: repetition,
        args: words.join(" "),
        wall: rounded(seen.wall),
        foreign_cpu_s: rounded(foreign),
        steal_s: rounded(seen.stolen),
        load: load(),
        rtt: both_of(|cpus| cpus.round_trip_ns),
        slower: both_of(|cpus| cpus.slower),
        failure: result.failure,
        fields: result.fields,
    })
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

fn progress(record: &Record) -> String {
    let number = |field| record.number(field).unwrap_or(f64::NAN);
    let what = match &record.failure {
        Some(failure) => {
            let why: String = failure.why.chars().take(100).collect();
            format!("{} {why}", failure.status)
        }
        None => format!("{:.1} ns/op in {:.3} s", number("ns_per_op"), number("seconds")),
    };
    let (job, peer) = (&record.job, &record.peer);
    format!("[{}] {job:16} {peer:12} {what}, foreign CPU {}", record.rep, record.foreign_cpu_s)
}
