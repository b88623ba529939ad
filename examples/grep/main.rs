//! `grep PATTERN DIR`: searches a tree of files for a literal, many files at a time, and prints what it
//! finds in the order of the paths.
//!
//! ```text
//! cargo run --release --example grep -- -n goroutine .
//! ```
//!
//! The output is that of GNU grep's `grep -rF [-ciln] PATTERN DIR` in a UTF-8 locale, sorted by path
//! (bytewise), but that `-i` folds ASCII letters only. As there, lines of a file with a NUL in it, and
//! lines that are no UTF-8, are not printed: standard error tells that they match.
//!
//! ```text
//! walk ──jobs──> search, several goroutines ──findings──> report, which brings them in order
//!   └────────────permits: so many files between walk and report────────────┘
//! ```
//! Errors are reported in their place, and the search goes on. The exit status is grep's: 0 for a
//! match, 1 for none, 2 for an error.

mod arguments;
mod report;
mod search;
mod walk;

use arguments::Arguments;
use gort::chan::{Receiver, chan};
use gort::go;
use report::Finding;
use search::Searcher;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Files that may be between the walker and the report: a bound on what waits for its turn to be
/// printed.
const WINDOW: usize = 256;
/// Goroutines that search, for each processor: while some wait for the disk others compute.
const SEARCHERS_PER_PROCESSOR: usize = 4;

/// A file to be searched, or what kept the walker from it.
pub(crate) struct Job {
    /// Its place in the order of paths.
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) error: Option<std::io::Error>,
}

#[gort::main]
fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("grep: {message}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    // A permit is a message in this channel: full, it holds the walker back.
    let (permit, permits) = chan(WINDOW);
    let (jobs_in, jobs) = chan::<Job>(0);
    let root = arguments.root.clone();
    go!(move || walk::walk(&root, |job| permit.send(()).is_ok() && jobs_in.send(job).is_ok()));
    report::report(search_all(jobs, Arc::new(Searcher::new(&arguments))), &permits)
}

/// Searches what comes in, by several goroutines; what they find comes out in any order.
fn search_all(jobs: Receiver<Job>, searcher: Arc<Searcher>) -> Receiver<Finding> {
    let (tx, findings) = chan(0);
    for _ in 0..gort::gomaxprocs() * SEARCHERS_PER_PROCESSOR {
        let (jobs, tx, searcher) = (jobs.clone(), tx.clone(), searcher.clone());
        go!(move || jobs.iter().try_for_each(|job| tx.send(searcher.search(job))));
    }
    findings
}
