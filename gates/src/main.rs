//! Gates that noise cannot move: how many instructions and system calls gort takes for what it does most.
//!
//! ```text
//! cargo run --profile gates -p gort-gates                  counts all, compares with what is recorded
//! cargo run --profile gates -p gort-gates -- mutex chan    only these, or those whose names begin so
//! cargo run --profile gates -p gort-gates -- --record      writes down what it has counted
//! ```
//! Each path runs in processes of its own, this program again, under callgrind and under strace: once with
//! so many operations, once with twice as many. What the second has more is the operations'. README.md tells
//! more.

mod callgrind;
mod calls;
mod child;
mod clock;
mod count;
mod options;
mod paths;
mod poller;
mod record;
mod strace;
mod verdict;

use options::{Options, Wish};
use paths::Place;
use record::Record;
use std::process::ExitCode;
use verdict::Verdict;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Wish::Count(options)) => match count(&options) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("gort-gates: {error}");
                ExitCode::from(2)
            }
        },
        Ok(Wish::Run(path, n)) => path.run(n),
        Ok(Wish::List) => {
            for path in paths::all() {
                println!("{:<24} {}", path.name, path.about);
            }
            ExitCode::SUCCESS
        }
        Ok(Wish::Help) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("gort-gates: {wrong}; --help tells more");
            ExitCode::from(2)
        }
    }
}

/// So often is counted again what others may have been in the way of: where real time passes, and where sockets are polled, as the
/// kernel delivers later what is sent over the loopback while it has much to deliver. What has moved has moved each time.
const AGAIN: usize = 6;

fn count(options: &Options) -> Result<ExitCode, String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted with optimization: cargo run --profile gates".into());
    }
    let recorded = match Record::read() {
        // What cannot be read is replaced.
        Err(_) if options.record => Record::default(),
        read => read?,
    };
    let mut counted = Record { made_by: record::made_by()?, counts: count::all(&options.paths)? };
    if options.record {
        counted.keep(&recorded);
        counted.write()?;
        println!("{} paths are recorded", counted.counts.len());
        return Ok(ExitCode::SUCCESS);
    }
    let mut verdict = Verdict::of(&recorded, &counted);
    let may_be_disturbed = |place| matches!(place, Place::Time | Place::Poller);
    for path in options.paths.iter().filter(|path| may_be_disturbed(path.place)) {
        for _ in 0..AGAIN {
            if verdict.passes(path.name) {
                break;
            }
            counted.replace(count::all(&[path])?);
            verdict = Verdict::of(&recorded, &counted);
        }
    }
    print!("{verdict}");
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
