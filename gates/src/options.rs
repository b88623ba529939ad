//! The command line.

use crate::paths::{self, Path};

pub(crate) const HELP: &str = "\
gort-gates [OPTIONS] [PATH ...]

Counts the instructions and system calls of each path (or of those named, or whose names begin so) and
compares them with what is recorded. It ends with 1 if they differ, with 2 if it cannot count.

  --record         writes what it has counted to gates/expected.txt, of all paths
  --list           names the paths and tells what an operation of each is
  --run PATH N     runs N operations of a path and counts nothing
  --help           this
";

pub(crate) struct Options {
    pub(crate) paths: Vec<&'static Path>,
    pub(crate) record: bool,
}

pub(crate) enum Wish {
    Count(Options),
    Run(&'static Path, usize),
    List,
    Help,
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut paths: Vec<&'static Path> = Vec::new();
    let mut record = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Wish::Help),
            "--list" => return Ok(Wish::List),
            "--record" => record = true,
            "--run" => return run(arguments.next(), arguments.next()),
            name => {
                let before = paths.len();
                paths.extend(paths::all().filter(|path| path.name.starts_with(name)));
                if paths.len() == before {
                    return Err(format!("there is no path or option {name:?}"));
                }
            }
        }
    }
    if record && !paths.is_empty() {
        return Err("--record counts all paths".into());
    }
    if paths.is_empty() {
        paths = paths::all().collect();
    }
    Ok(Wish::Count(Options { paths, record }))
}

fn run(name: Option<String>, n: Option<String>) -> Result<Wish, String> {
    let (Some(name), Some(n)) = (name, n) else {
        return Err("--run takes a path and a number".into());
    };
    let path = paths::all().find(|path| path.name == name);
    let path = path.ok_or_else(|| format!("there is no path {name:?}"))?;
    let most = path.most;
    let n = n.parse().ok().filter(|n| *n <= most);
    let n = n.ok_or_else(|| format!("--run {name} takes a number up to {most}"))?;
    Ok(Wish::Run(path, n))
}
