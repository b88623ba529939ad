//! Builds gort and its peers, runs them interleaved on the same workloads, checks every result, and
//! prints how they compare. See `bench/README.md`; `harness help` lists the commands.

mod build;
mod campaign;
mod cli;
mod costs;
mod jobs;
mod machine;
mod metrics;
mod near_far;
mod numbers;
mod peers;
mod plot;
mod program;
mod record;
mod report;
mod results;
mod sweeps;
mod table;
mod targets;

use cli::Command;
use peers::Peer;
use record::Record;
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// For `one`, which may be given any amount of work.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let done = cli::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Table(options) => table(&options),
        Command::Report(options) => report::run(&options),
        Command::Costs { repetitions } => costs(repetitions),
        Command::One { peer, workload, arguments, add } => one(&peer, workload, arguments, &add),
        Command::Summarise { files, near_below } => summarise(&files, near_below),
        Command::List => list(),
        Command::Help => {
            print!("{}", cli::USAGE);
            Ok(())
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("harness: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the jobs and prints the tables for these runs.
fn table(options: &cli::TableOptions) -> Result<()> {
    let mut known = peers::all();
    for (name, path) in &options.add {
        known.push(Peer::added(name, path)?);
    }
    let chosen = peers::choose(known, &options.peers)?;
    let added: Vec<&str> = options.add.iter().map(|(name, _)| name.as_str()).collect();
    let jobs = jobs::choose(jobs::all(), &options.jobs, &added, options.quick)?;
    // Not those that no job wants.
    let wanted = |peer: &Peer| jobs.iter().any(|job| job.peers.contains(&peer.name));
    let chosen: Vec<Peer> = chosen.into_iter().filter(wanted).collect();
    let (built, left_out) =
        if options.build { build::build_all(chosen) } else { (chosen, Vec::new()) };
    if options.build {
        build::build_load(jobs.iter().map(|job| job.workload))?;
    }
    let records = campaign::run(&jobs, &built, options)?;
    if options.quick {
        println!("A quick run: it shows that everything works. The numbers mean nothing.\n");
    }
    print!("{}", results::markdown(&records, near_far::NEAR_BELOW));
    for why in left_out {
        println!("\n{why}.");
    }
    println!("\nCalled with `{}`.", options.as_given);
    Ok(())
}

/// Runs one workload for one peer and prints its line.
fn one(
    peer: &str,
    workload: String,
    arguments: Vec<String>,
    add: &[(String, String)],
) -> Result<()> {
    let mut known = peers::all();
    for (name, path) in add {
        known.push(Peer::added(name, path)?);
    }
    let chosen = peers::choose(known, &[peer.to_owned()])?;
    let (built, _) = build::build_all(chosen);
    let [peer] = &built[..] else { return Err("there is nothing to run".into()) };
    build::build_load([workload.as_str()].into_iter())?;
    let mut words = vec![workload];
    words.extend(arguments);
    let result = program::run(peer, &words, PATIENCE);
    if let Some(failure) = &result.failure {
        return Err(format!("{}: {}", failure.status, failure.why).into());
    }
    record::check(&result.fields, &words[0], &[])?;
    println!("{}", serde_json::to_string(&result.fields)?);
    Ok(())
}

/// Builds the small programs and prints what that costs.
fn costs(repetitions: usize) -> Result<()> {
    let records = costs::measure(repetitions, |_| Ok(()))?;
    print!("{}", results::markdown(&records, near_far::NEAR_BELOW));
    Ok(())
}

/// Prints the tables for earlier runs.
fn summarise(files: &[String], near_below: f64) -> Result<()> {
    print!("{}", results::markdown(&read(files)?, near_below));
    Ok(())
}

/// The results in files.
fn read(files: &[String]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        for (number, line) in text.lines().enumerate() {
            let record = serde_json::from_str(line);
            records.push(record.map_err(|error| format!("{file}, line {}: {error}", number + 1))?);
        }
    }
    Ok(records)
}

fn list() -> Result<()> {
    println!("peers:");
    for peer in peers::all() {
        println!("  {:14}{}", peer.name, peer.about());
    }
    println!("\njobs (label, command, peers):");
    for job in jobs::all().into_iter().chain(sweeps::jobs(false)) {
        let peers: Vec<&str> = job.peers.iter().map(String::as_str).collect();
        println!("  {:18} {:26} {}", job.label, job.command("").join(" "), peers.join(" "));
    }
    Ok(())
}
