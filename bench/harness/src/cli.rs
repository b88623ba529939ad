//! The command line.

use crate::{Result, near_far};

/// What `help` prints.
pub const USAGE: &str = "\
harness table [-r REPS] [-p PEER,..] [-j SUBSTRING,..] [-o FILE] [--gate] [--quick] [--no-build]
    build the peers, run the jobs interleaved, append a line for each run to FILE
    (results/results.jsonl), print a table of these runs
      -r        at most so many runs of each job (5; some jobs have fewer)
      -p        these peers only
      -j        jobs whose label contains one of these
      --gate    run while both CPUs have their full speed only; measure how far apart they are
      --quick   once, with little work, on a busy machine too: does everything run?
      --no-build  with what is built already
harness one PEER WORKLOAD [key=number ..]
    build one peer, run one workload, print the line it prints
harness summarise FILE.. [--near-below NS]
    print the table of earlier runs; with runs by --gate also one of runs with near and far CPUs
harness report [--to DIR] [any option of table]
    the table, the series in which a number grows, and the costs of use; write ../docs/performance.md and
    ../docs/plots/ (or those in DIR), keep the results in results/report-TIME.jsonl
harness report --from FILE.. [--to DIR]
    the same from earlier results
harness costs [-r REPS]
    build small programs that use gort, and those that use others: time, size, crates (3)
harness list
    the peers and the jobs
With table, report and one: --add NAME=PROGRAM is one more peer. It takes `WORKLOAD [key=number ..]`.
";

/// What is to be done.
pub enum Command {
    Table(TableOptions),
    Report(ReportOptions),
    Costs { repetitions: usize },
    One { peer: String, workload: String, arguments: Vec<String>, add: Vec<(String, String)> },
    Summarise { files: Vec<String>, near_below: f64 },
    List,
    Help,
}

/// How `table` runs.
#[derive(Clone)]
pub struct TableOptions {
    pub repetitions: usize,
    pub peers: Vec<String>,
    pub jobs: Vec<String>,
    pub output: Option<String>,
    pub gate: bool,
    pub quick: bool,
    pub build: bool,
    pub add: Vec<(String, String)>,
    /// The command itself, to be printed with the results.
    pub as_given: String,
}

/// How `report` does.
pub struct ReportOptions {
    pub table: TableOptions,
    /// Files of results; none, if all is to be measured.
    pub from: Vec<String>,
    /// Where to write, if not where the report is.
    pub to: Option<String>,
}

pub fn parse(words: impl Iterator<Item = String>) -> Result<Command> {
    let words: Vec<String> = words.collect();
    let as_given = words.join(" ");
    let mut words = words.into_iter();
    match words.next().as_deref() {
        Some("table") => parse_table(words, as_given).map(Command::Table),
        Some("report") => parse_report(words, as_given).map(Command::Report),
        Some("costs") => parse_costs(words),
        Some("one") => parse_one(words),
        Some("summarise") => parse_summarise(words),
        Some("list") => Ok(Command::List),
        None | Some("help" | "-h" | "--help") => Ok(Command::Help),
        Some(other) => Err(format!("no command {other}\n{USAGE}").into()),
    }
}

fn parse_table(mut words: impl Iterator<Item = String>, as_given: String) -> Result<TableOptions> {
    let mut options = TableOptions {
        repetitions: 5,
        peers: Vec::new(),
        jobs: Vec::new(),
        output: None,
        gate: false,
        quick: false,
        build: true,
        add: Vec::new(),
        as_given,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "-r" => options.repetitions = value(&word, words.next())?.parse()?,
            "-p" => options.peers = list(&value(&word, words.next())?),
            "-j" => options.jobs = list(&value(&word, words.next())?),
            "-o" => options.output = Some(value(&word, words.next())?),
            "--gate" => options.gate = true,
            "--quick" => options.quick = true,
            "--no-build" => options.build = false,
            "--add" => options.add.push(addition(&value(&word, words.next())?)?),
            _ => return Err(unknown(&word)),
        }
    }
    Ok(options)
}

fn parse_report(
    mut words: impl Iterator<Item = String>,
    as_given: String,
) -> Result<ReportOptions> {
    let (mut from, mut to, mut others) = (Vec::new(), None, Vec::new());
    let mut takes_files = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--to" => to = Some(value(&word, words.next())?),
            "--from" => takes_files = true,
            file if takes_files && !file.starts_with('-') => from.push(word),
            _ => others.push(word),
        }
    }
    if takes_files && from.is_empty() {
        return Err("--from takes a file of results".into());
    }
    if takes_files && let Some(word) = others.first() {
        return Err(format!("with --from nothing is run: {word} does not go with it").into());
    }
    let table = parse_table(others.into_iter(), as_given)?;
    Ok(ReportOptions { table, from, to })
}

fn parse_costs(mut words: impl Iterator<Item = String>) -> Result<Command> {
    let mut repetitions = 3;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-r" => repetitions = value(&word, words.next())?.parse()?,
            _ => return Err(unknown(&word)),
        }
    }
    Ok(Command::Costs { repetitions })
}

fn parse_one(mut words: impl Iterator<Item = String>) -> Result<Command> {
    let mut add = Vec::new();
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        if word == "--add" {
            add.push(addition(&value(&word, words.next())?)?);
        } else {
            plain.push(word);
        }
    }
    let mut plain = plain.into_iter();
    let (Some(peer), Some(workload)) = (plain.next(), plain.next()) else {
        return Err(format!("`one` takes a peer and a workload\n{USAGE}").into());
    };
    Ok(Command::One { peer, workload, arguments: plain.collect(), add })
}

fn parse_summarise(mut words: impl Iterator<Item = String>) -> Result<Command> {
    let mut files = Vec::new();
    let mut near_below = near_far::NEAR_BELOW;
    while let Some(word) = words.next() {
        if word == "--near-below" {
            near_below = value(&word, words.next())?.parse()?;
        } else {
            files.push(word);
        }
    }
    if files.is_empty() {
        return Err("`summarise` takes a file of results".into());
    }
    Ok(Command::Summarise { files, near_below })
}

fn unknown(word: &str) -> Box<dyn std::error::Error> {
    format!("there is no option {word}\n{USAGE}").into()
}

fn value(option: &str, word: Option<String>) -> Result<String> {
    word.ok_or_else(|| format!("{option} takes a value").into())
}

fn list(words: &str) -> Vec<String> {
    words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn addition(word: &str) -> Result<(String, String)> {
    let pair = word.split_once('=').ok_or("--add takes NAME=PROGRAM")?;
    Ok((pair.0.into(), pair.1.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Result<Command> {
        parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_of_table() {
        let command = parsed("table -r 3 -p gort,go -j ring,mpmc --gate --add mine=a/b -o x");
        let Ok(Command::Table(options)) = command else { panic!("it is a table") };
        assert_eq!((options.repetitions, options.gate, options.quick), (3, true, false));
        assert_eq!(options.peers, ["gort", "go"]);
        assert_eq!(options.jobs, ["ring", "mpmc"]);
        assert_eq!(options.add, [("mine".to_owned(), "a/b".to_owned())]);
        assert_eq!(options.output.as_deref(), Some("x"));
    }

    #[test]
    fn options_of_report() {
        let Ok(Command::Report(options)) = parsed("report -r 3 --to x") else { panic!("a report") };
        assert_eq!((options.table.repetitions, options.to.as_deref()), (3, Some("x")));
        let command = parsed("report --from a.jsonl b.jsonl --to x");
        let Ok(Command::Report(options)) = command else { panic!("it is a report") };
        assert_eq!(options.from, ["a.jsonl", "b.jsonl"]);
        assert!(parsed("report --from").is_err());
        assert!(parsed("report --from a.jsonl -r 3").is_err());
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        assert!(parsed("table -r").is_err());
        assert!(parsed("table --fast").is_err());
        assert!(parsed("one gort").is_err());
        assert!(parsed("summarise").is_err());
        assert!(parsed("dance").is_err());
    }
}
