//! Which drawings there are, and what is said with them.

use crate::metrics::{self, Better, Metric};
use crate::numbers::median;
use crate::peers::{OURS, is_minor};
use crate::plot::{Bar, Chart, Line, Ticks, bars, chart};
use crate::results::JobRuns;
use crate::sweeps::{self, Figure, Quantity, Sweep};
use crate::table::{best_other, row};

/// A file.
pub struct Drawing {
    name: String,
    pub title: String,
    pub svg: String,
}

impl Drawing {
    pub fn file(&self) -> String {
        format!("{}.svg", self.name)
    }
}

const GO: &str = "go";

/// Ours over theirs in the metric that counts, so that less is better; and whose theirs is.
fn compared<'a>(
    jobs: &[JobRuns],
    theirs: impl Fn(&JobRuns, &Metric) -> Option<(f64, &'a str)>,
) -> Vec<Bar> {
    let bar = |job: &JobRuns| {
        let metric = metrics::of(job.workload).first()?;
        let ours = median(&job.values(OURS, metric))?;
        let (theirs, peer) = theirs(job, metric)?;
        let ratio = match metric.better {
            Better::Higher => theirs / ours,
            Better::Lower | Better::Neither => ours / theirs,
        };
        let name = format!("{}: {}", job.label, without_note(metric.title));
        (ratio.is_finite() && ratio > 0.0).then(|| Bar { name, ratio, note: peer.into() })
    };
    let mut bars: Vec<Bar> = jobs.iter().filter_map(bar).collect();
    bars.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    bars
}

/// A title without what it says in brackets.
fn without_note(title: &str) -> &str {
    title.split(" (").next().unwrap_or(title)
}

fn to_best(jobs: &[JobRuns], peers: &[&str]) -> Vec<Bar> {
    compared(jobs, |job, metric| best_other(job, peers, metric))
}

fn to_go(jobs: &[JobRuns]) -> Vec<Bar> {
    let mut bars = compared(jobs, |job, metric| Some((median(&job.values(GO, metric))?, GO)));
    bars.iter_mut().for_each(|bar| bar.note.clear());
    bars
}

/// The ratio of each workload to the best peer, and to Go.
pub fn ratios(jobs: &[JobRuns], peers: &[&str]) -> Vec<Drawing> {
    let all = [
        ("ratio-best", "gort / the best peer", to_best(jobs, peers)),
        ("ratio-go", "gort / Go", to_go(jobs)),
    ];
    let drawn = all.into_iter().filter(|(.., rows)| !rows.is_empty());
    drawn
        .map(|(name, title, rows)| Drawing {
            name: name.into(),
            title: title.into(),
            svg: bars(
                title,
                "left of 1 gort is ahead; medians, of each workload the number that counts",
                &rows,
            ),
        })
        .collect()
}

/// How many bars are on the good side.
pub fn summary(jobs: &[JobRuns], peers: &[&str]) -> String {
    let (best, go) = (to_best(jobs, peers), to_go(jobs));
    let count = |bars: &[Bar], bound| bars.iter().filter(|bar| bar.ratio <= bound).count();
    let mut text = format!(
        "Of {} workloads gort is level with the best peer or ahead of it in {} (within 5 % in {}).",
        best.len(),
        count(&best, 1.0),
        count(&best, 1.05),
    );
    text += &if go.is_empty() {
        " Go was not measured.".to_owned()
    } else {
        format!(
            " Of {} that Go has too it takes at most half of what Go takes in {}, and at most as much \
             in {}.",
            go.len(),
            count(&go, 0.5),
            count(&go, 1.0),
        )
    };
    text + "\n\n"
}

/// What an operation costs as the number grows: a drawing for each sweep.
pub fn curves(jobs: &[JobRuns], peers: &[&str]) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    for sweep in sweeps::ALL {
        for figure in sweep.figures {
            let lines = lines(sweep, figure, jobs, peers);
            if lines.is_empty() {
                continue;
            }
            let ticks = match figure.quantity {
                Quantity::Nanoseconds => Ticks::Time,
                Quantity::Bytes => Ticks::Bytes,
            };
            let svg = chart(&Chart {
                title: figure.title.into(),
                vertical: figure.about.into(),
                ticks,
                horizontal: sweep.of.into(),
                columns: Vec::new(),
                lines,
                first: OURS,
            });
            drawings.push(Drawing {
                name: format!("n-{}", sweep.name),
                title: format!("{}: {}", figure.title, figure.about),
                svg,
            });
        }
    }
    drawings
}

/// A line for each peer that has points.
fn lines(sweep: &Sweep, figure: &Figure, jobs: &[JobRuns], peers: &[&str]) -> Vec<Line> {
    let metric = Metric { title: "", field: figure.field, scale: 1.0, better: Better::Lower };
    let points = |peer: &str| {
        let its = jobs.iter().filter_map(|job| {
            let (its, number) = sweeps::of(job.label)?;
            let value = median(&job.values(peer, &metric))?;
            (its.name == sweep.name && value > 0.0).then_some((number as f64, value))
        });
        let mut points: Vec<(f64, f64)> = its.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let lines = peers.iter().map(|peer| Line { name: (*peer).into(), points: points(peer) });
    lines.filter(|line| !line.points.is_empty()).collect()
}

/// By how much an operation costs more among a million than among a thousand.
pub fn flatness(jobs: &[JobRuns], peers: &[&str]) -> String {
    let peers: Vec<&str> = peers.iter().copied().filter(|peer| !is_minor(peer)).collect();
    let mut text = String::new();
    for sweep in sweeps::ALL {
        for figure in sweep.figures {
            let lines = lines(sweep, figure, jobs, &peers);
            let at = |line: &Line, number: f64| {
                line.points.iter().find(|point| point.0 == number).map(|point| point.1)
            };
            let grown = |peer: &&str| {
                let line = lines.iter().find(|line| line.name == **peer)?;
                Some(at(line, 1e6)? / at(line, 1e3)?)
            };
            let grown: Vec<Option<f64>> = peers.iter().map(grown).collect();
            if grown.iter().any(Option::is_some) {
                let cells =
                    grown.into_iter().map(|it| it.map_or("-".into(), |it| format!("{it:.2}")));
                let name = format!("{}: {}", sweep.name, figure.about);
                text += &row(&std::iter::once(name).chain(cells).collect::<Vec<String>>());
            }
        }
    }
    if text.is_empty() {
        return text;
    }
    let heads: Vec<String> = std::iter::once("among 10⁶ / among 10³")
        .chain(peers.iter().copied())
        .map(str::to_owned)
        .collect();
    format!("\n{}{}|\n{text}", row(&heads), "|---".repeat(heads.len()))
}

/// The percentiles that programs print, and how a drawing names them.
const PERCENTILES: [(&str, &str); 5] = [
    ("p50_us", "p50"),
    ("p90_us", "p90"),
    ("p99_us", "p99"),
    ("p999_us", "p99.9"),
    ("max_us", "max"),
];

/// The jobs whose latencies are drawn: by label, with a title and what precedes the percentiles' names.
const LATENCIES: [(&str, &str, &str); 6] = [
    ("starve", "A sleeper beside four tasks that compute without end: how late it wakes", "late_"),
    ("starve_chan", "The same, told to another task over a channel", "late_"),
    ("wake", "From a thread's send to an idle runtime's task that receives", "late_"),
    ("tcp64", "An echo on 64 connections, clients and server on the same two CPUs", ""),
    ("tcp1000", "An echo on 1000 connections, clients and server on the same two CPUs", ""),
    ("tcp64 pinned", "An echo on 64 connections, the server on a CPU of its own", ""),
];

/// Distributions: a drawing for each job.
pub fn latencies(jobs: &[JobRuns], peers: &[&str]) -> Vec<Drawing> {
    let drawing = |(label, title, before): &(&str, &str, &str)| {
        let job = jobs.iter().find(|job| job.label == *label)?;
        let lines: Vec<Line> =
            peers.iter().filter_map(|peer| distribution(job, peer, before)).collect();
        if lines.is_empty() {
            return None;
        }
        let svg = chart(&Chart {
            title: (*title).into(),
            vertical: "latency".into(),
            ticks: Ticks::Time,
            horizontal: "percentile".into(),
            columns: PERCENTILES.iter().map(|(_, name)| *name).collect(),
            lines,
            first: OURS,
        });
        let name = format!("latency-{}", label.replace([' ', '_'], "-"));
        Some(Drawing { name, title: (*title).into(), svg })
    };
    LATENCIES.iter().filter_map(drawing).collect()
}

/// What is shorter than that is drawn as if it were that long: a logarithm has no place for nothing.
const LEAST_NS: f64 = 100.0;

fn distribution(job: &JobRuns, peer: &str, before: &str) -> Option<Line> {
    let points = PERCENTILES.iter().enumerate().filter_map(|(column, (field, _))| {
        let us = median(&job.numbers(peer, &format!("{before}{field}")))?;
        Some((column as f64, (us * 1e3).max(LEAST_NS)))
    });
    let points: Vec<(f64, f64)> = points.collect();
    (!points.is_empty()).then(|| Line { name: peer.into(), points })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::results::by_job;

    fn run(job: &str, workload: &str, peer: &str, numbers: &str) -> Record {
        let line = format!(
            r#"{{"job":"{job}","peer":"{peer}","rep":0,"args":"{workload} w=2","wall":0.2,
            "foreign_cpu_s":0.0,{numbers}}}"#
        );
        serde_json::from_str(&line).expect("a record")
    }

    #[test]
    fn less_is_better_in_every_bar() {
        let records = [
            run("ring w2", "ring", "gort", r#""ns_per_op":50"#),
            run("ring w2", "ring", "go", r#""ns_per_op":200"#),
            run("ring w2", "ring", "may", r#""ns_per_op":100"#),
            run("tcp64", "tcp", "gort", r#""rate":300"#),
            run("tcp64", "tcp", "go", r#""rate":150"#),
        ];
        let (jobs, peers) = by_job(&records);
        let ratios: Vec<f64> = to_best(&jobs, &peers).iter().map(|bar| bar.ratio).collect();
        assert_eq!(ratios, [0.5, 0.5]);
        assert_eq!(to_go(&jobs)[0].ratio, 0.25);
        assert!(summary(&jobs, &peers).starts_with("Of 2 workloads"));
    }

    #[test]
    fn a_sweep_is_a_line_for_each_peer_that_can() {
        let records = [
            run("park of 1000", "park", "gort", r#""ns_per_op":200"#),
            run("park of 1000000", "park", "gort", r#""ns_per_op":300"#),
            run("park of 1000", "park", "may", r#""ns_per_op":900"#),
            run("park of 1000", "park", "tokio", r#""status":"hang""#),
        ];
        let (jobs, peers) = by_job(&records);
        let drawings = curves(&jobs, &peers);
        assert_eq!(drawings.len(), 1);
        assert_eq!(drawings[0].svg.matches("<polyline").count(), 2);
        let text = flatness(&jobs, &peers);
        assert!(text.ends_with("with its start | 1.50 | - | - |\n"), "{text}");
    }

    #[test]
    fn a_distribution_has_the_percentiles_there_are() {
        let numbers = r#""p50_us":20,"p99_us":90,"max_us":0"#;
        let records = [run("tcp64", "tcp", "gort", numbers)];
        let (jobs, peers) = by_job(&records);
        let line = distribution(&jobs[0], peers[0], "").expect("it has points");
        assert_eq!(line.points, [(0.0, 20e3), (2.0, 90e3), (4.0, LEAST_NS)]);
    }
}
