//! The report: everything is measured, or read from a file of results, and `docs/performance.md` and the drawings
//! in `docs/plots/` are written anew. What is written by hand in that file stays.

mod conditions;
mod document;
mod figures;

use crate::cli::{ReportOptions, TableOptions};
use crate::machine::now;
use crate::near_far::NEAR_BELOW;
use crate::peers::{Peer, bench_dir};
use crate::record::{Record, append};
use crate::{Result, build, campaign, costs, jobs, peers, results, sweeps};
use figures::Drawing;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "performance.md";
const PLOTS: &str = "plots";

/// Measures, unless there are results already, and writes the report.
pub fn run(options: &ReportOptions) -> Result<()> {
    let records = match &options.from[..] {
        [] => measure(&options.table)?,
        files => crate::read(files)?,
    };
    let docs = bench_dir().parent().unwrap_or(bench_dir()).join("docs");
    let place = match &options.to {
        Some(place) => PathBuf::from(place),
        // What means nothing is not put where people look.
        None if options.table.quick => bench_dir().join("results/quick"),
        None => docs.clone(),
    };
    let text = fs::read_to_string(place.join(DOCUMENT))
        .or_else(|_| fs::read_to_string(docs.join(DOCUMENT)))?;
    write(&records, &text, &place)?;
    println!("{} and {PLOTS}/ are written.", place.join(DOCUMENT).display());
    Ok(())
}

/// The table's jobs, the sweeps and the costs of use. Every result goes to a file of its own as soon as it is
/// there: should this be interrupted, `report --from` takes what there is.
fn measure(options: &TableOptions) -> Result<Vec<Record>> {
    let mut known = peers::all();
    for (name, path) in &options.add {
        known.push(Peer::added(name, path)?);
    }
    let chosen = peers::choose(known, &options.peers)?;
    let added: Vec<&str> = options.add.iter().map(|(name, _)| name.as_str()).collect();
    let mut all = jobs::all();
    all.extend(sweeps::jobs(options.quick));
    let (wanted_costs, wanted): (Vec<_>, Vec<_>) =
        options.jobs.iter().cloned().partition(|job| job == costs::HELLO);
    let jobs = match wanted.is_empty() && !wanted_costs.is_empty() {
        true => Vec::new(),
        false => jobs::choose(all, &wanted, &added, options.quick)?,
    };
    let (built, mut left_out) =
        if options.build { build::build_all(chosen) } else { (chosen, Vec::new()) };
    if options.build
        && let Err(why) = build::build_load(jobs.iter().map(|job| job.workload))
    {
        left_out.push(format!("the clients of servers are left out: {why}"));
    }
    let path = match &options.output {
        Some(path) => path.into(),
        None => {
            bench_dir().join(format!("results/report-{}.jsonl", now().replace([' ', ':'], "-")))
        }
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut records = vec![conditions::now_with(&options.as_given, &left_out)];
    append(&path, &records[0])?;
    let output = Some(path.display().to_string());
    records.extend(campaign::run(&jobs, &built, &TableOptions { output, ..options.clone() })?);
    if options.jobs.is_empty() || !wanted_costs.is_empty() {
        let repetitions = if options.quick { 1 } else { options.repetitions.min(COSTS) };
        records.extend(costs::measure(repetitions, |record| append(&path, record))?);
    }
    Ok(records)
}

/// At most so many builds of each program.
const COSTS: usize = 3;

/// Writes the drawings, and `text` with its parts that are generated made anew.
fn write(records: &[Record], text: &str, place: &Path) -> Result<()> {
    let (jobs, peers) = results::by_job(records);
    let (series, rest): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| sweeps::of(job.label).is_some());
    let (hello, rest): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|job| job.label == costs::HELLO);
    let ratios = figures::ratios(&rest, &peers);
    let curves = figures::curves(&series, &peers);
    let latencies = figures::latencies(&rest, &peers);
    let parts = [
        ("conditions", conditions::markdown(records)),
        ("ratios", figures::summary(&rest, &peers) + &images(&ratios)),
        ("table", results::tables(&rest, &peers, NEAR_BELOW) + &results::disturbed(records)),
        (
            "curves",
            images(&curves)
                + &figures::flatness(&series, &peers)
                + &results::failures(&series, &peers),
        ),
        ("latencies", images(&latencies)),
        ("costs", results::tables(&hello, &peers, NEAR_BELOW)),
    ];
    let mut text = text.to_owned();
    for (name, part) in parts {
        text = document::fill(&text, name, &part)?;
    }
    fs::create_dir_all(place.join(PLOTS))?;
    for drawing in ratios.iter().chain(&curves).chain(&latencies) {
        fs::write(place.join(PLOTS).join(drawing.file()), &drawing.svg)?;
    }
    fs::write(place.join(DOCUMENT), text)?;
    Ok(())
}

/// References to the drawings.
fn images(drawings: &[Drawing]) -> String {
    let all = drawings.iter();
    let all: Vec<String> =
        all.map(|drawing| format!("![{}]({PLOTS}/{})\n", drawing.title, drawing.file())).collect();
    if all.is_empty() { "Nothing was measured for this.\n".into() } else { all.join("\n") }
}
