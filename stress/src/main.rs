//! Storms against gort: random programs that check what must always be true.
//!
//! ```text
//! cargo run --release -p gort-stress                       every storm for two seconds
//! cargo run --release -p gort-stress -- --seconds 60 selects panics
//! cargo run --release -p gort-stress -- --seed 7 --round 1234 lifecycle
//! ```
//! All that is random comes from the seed, which is printed. The order in which threads run does
//! not, so a seed finds a bug again sooner or later, not at once. What fails says which storm, seed
//! and round it was; a storm that makes no progress for a while does too, and the process is aborted,
//! so that a debugger or a core shows where everybody is.

#![allow(
    clippy::disallowed_macros,
    reason = "members of `standstill` hold what is in a `thread_local!` over waits"
)]

#[cfg(target_os = "linux")]
mod descriptors;
mod ledger;
mod options;
mod random;
mod storms;
mod watchdog;
mod world;

use options::{Options, Wish};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::World;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Wish::Run(options)) => options,
        Ok(Wish::List) => {
            for storm in storms::ALL {
                println!("{:<12} {}", storm.name, storm.about);
            }
            return ExitCode::SUCCESS;
        }
        Ok(Wish::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("gort-stress: {wrong}; --help tells more");
            return ExitCode::from(2);
        }
    };
    watchdog::start(options.stall);
    // Panics on purpose are raised without the hook; storms look at those that nobody joins.
    gort::set_panic_handler(|_| ());
    println!("seed {}", options.seed);
    let start = Instant::now();
    for storm in &options.storms {
        run(storm, &options);
    }
    println!("all is well after {:.1} s", start.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn run(storm: &storms::Storm, options: &Options) {
    let world = World::new(storm.name, options);
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.seconds);
    let mut rounds = 0;
    let mut number = options.round.unwrap_or(0);
    while rounds == 0 || Instant::now() < end {
        watchdog::begin_round(storm.name, options.seed, number);
        (storm.run)(&mut world.round(number));
        rounds += 1;
        // One round asked for is repeated: the order of threads differs.
        number += u64::from(options.round.is_none());
    }
    watchdog::end_round();
    world.finish();
    let seconds = start.elapsed().as_secs_f64();
    println!("{:<12} {rounds} rounds in {seconds:.1} s", storm.name);
}
