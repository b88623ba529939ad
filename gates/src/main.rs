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
mod child;
mod count;
mod options;
mod paths;
mod record;
mod strace;
mod verdict;

use options::{Options, Wish};
use record::Record;
use std::process::ExitCode;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Wish::Count(options)) => match count(&options) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("gort-gates: {error}");
                ExitCode::from(2)
            }
        },
        Ok(Wish::Run(path, n)) => {
            path.run(n, child::mark);
            ExitCode::SUCCESS
        }
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

fn count(options: &Options) -> Result<ExitCode, String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted with optimization: cargo run --profile gates".into());
    }
    let recorded = if options.record { None } else { Some(Record::read()?) };
    let counted = Record { made_by: record::made_by()?, counts: count::all(&options.paths)? };
    let Some(recorded) = recorded else {
        counted.write()?;
        println!("{} paths are recorded", counted.counts.len());
        return Ok(ExitCode::SUCCESS);
    };
    let verdict = verdict::compare(&recorded, &counted);
    print!("{}", verdict.table);
    Ok(verdict.report())
}
