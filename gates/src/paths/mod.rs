//! The paths: what gort does often, each alone in a loop.
//!
//! A path runs its operation `n` times. What it needs besides is the same for every `n` that it is asked for, so that
//! two runs of different length differ by the operations only.

mod channels;
mod goroutines;
mod locks;
mod outside;
mod selects;
mod sockets;
mod switches;
mod timers;

use crate::{clock, poller};

/// A path may be asked for so many operations,
pub(crate) const MOST: usize = 1 << 15;
/// and for this many if each takes calls of the system, which strace slows down a hundredfold,
const SOME: usize = 1 << 11;
/// or for this many if each takes real time. (With a quarter of that a few calls that only one of two runs has made were too many.)
const FEW: usize = 1 << 9;

pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) about: &'static str,
    pub(crate) place: Place,
    /// The most operations that it may be asked for.
    pub(crate) most: usize,
    /// Runs the operation so many times.
    run: fn(usize),
}

/// Where a path runs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// In a goroutine, on one processor.
    Goroutine,
    /// On the main thread, without a runtime.
    Thread,
    /// In a goroutine, on one processor, whose machine polls for sockets.
    Poller,
    /// In a goroutine that waits for real time to pass.
    Time,
}

const fn path(name: &'static str, about: &'static str, run: fn(usize)) -> Path {
    Path { name, about, place: Place::Goroutine, most: MOST, run }
}

/// One whose operations are calls of the system.
const fn system_path(name: &'static str, about: &'static str, run: fn(usize)) -> Path {
    Path { name, about, place: Place::Poller, most: SOME, run }
}

/// All of them, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Path> {
    let rooms = [
        switches::PATHS,
        channels::PATHS,
        selects::PATHS,
        goroutines::PATHS,
        locks::PATHS,
        timers::PATHS,
        sockets::PATHS,
        outside::PATHS,
    ];
    rooms.into_iter().flatten()
}

impl Path {
    /// Runs the path in this process, and ends that: tearing down takes now more, now less.
    pub(crate) fn run(&'static self, n: usize) -> ! {
        if self.place == Place::Thread {
            (self.run)(n);
            std::process::exit(0);
        }
        if self.place == Place::Time {
            clock::go();
        }
        let runtime = gort::Runtime::builder()
            .processors(1)
            // Under valgrind a thread seems to sleep whenever another one runs.
            .preempt(gort::Preempt::Off)
            .build();
        runtime.expect("a runtime").run(move || {
            if self.place == Place::Poller {
                poller::begin();
            }
            (self.run)(n);
            std::process::exit(0);
        })
    }
}
