//! The paths: what gort does often, each alone in a loop.
//!
//! A path runs its operation `n` times, on one processor unless it says otherwise. What it needs besides is the
//! same for every `n` up to [`MOST`], so that two runs of different length differ by the operations only.

mod channels;
mod goroutines;
mod locks;
mod selects;
mod switches;
mod timers;

use std::time::Duration;

/// A path may be asked for so many operations.
pub(crate) const MOST: usize = 1 << 14;
/// And for this many if each takes long.
pub(crate) const FEW: usize = 1 << 9;

pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) about: &'static str,
    pub(crate) place: Place,
    /// The most operations in a run.
    pub(crate) most: usize,
    /// Runs the operation so many times.
    pub(crate) run: fn(usize),
}

/// Where a path runs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In a goroutine.
    Goroutine,
    /// On the main thread, without a runtime.
    Thread,
}

const fn path(name: &'static str, about: &'static str, run: fn(usize)) -> Path {
    Path { name, about, place: Place::Goroutine, most: MOST, run }
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
    ];
    rooms.into_iter().flatten()
}

impl Path {
    /// Runs the path in this process. The thread that does so calls `mark` first.
    pub(crate) fn run(&'static self, n: usize, mark: impl FnOnce() + Send + 'static) {
        let body = move || {
            mark();
            (self.run)(n);
        };
        match self.place {
            Place::Thread => body(),
            Place::Goroutine => gort::Runtime::builder()
                .processors(1)
                // Under valgrind a thread seems to sleep whenever another one runs.
                .preempt(gort::Preempt::Off)
                .time_slice(Duration::from_secs(3600))
                .build()
                .expect("a runtime")
                .run(body),
        }
    }
}
