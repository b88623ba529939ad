//! What a runtime is made with, and what it tells of itself.

use super::home::Migration;
use crate::goroutine::panic::OnPanic;
use crate::prim::atomic::AtomicU64;
use std::time::Duration;

/// How a goroutine that keeps its processor for a time slice makes room for others that wait.
///
/// ```
/// use gort::{Preempt, Runtime};
///
/// // Goroutines that compute keep their processor: for a program whose parts all wait often.
/// let runtime = Runtime::builder().preempt(Preempt::Off).build()?;
/// assert_eq!(runtime.run(|| 6 * 7), 42);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Preempt {
    /// Its processor is taken away and given to another thread. The goroutine goes on on its own, next to
    /// it; nothing is interrupted and nothing moves. So is the processor of one whose thread sleeps in the
    /// kernel. A thousand goroutines that compute all at once take a thousand threads, of which each gets
    /// the same share of the CPUs.
    ///
    /// It is a thread that takes it, and needs a CPU. Under `SCHED_FIFO` the kernel gives it none while goroutines compute on all of them:
    /// leave it one, or choose `SCHED_RR`.
    #[default]
    Handoff,
    /// The goroutine is interrupted, by a signal or on Windows by being suspended, and yields where it is: its registers are saved and it goes on
    /// later, perhaps on another thread. It takes no threads, as `Handoff` does, and is asked for by
    /// [`preempt_in_place`](crate::RuntimeBuilder::preempt_in_place), which says what has to be promised. Where
    /// the goroutine cannot be interrupted its processor is taken away another time slice later. In a build with debug assertions none
    /// is interrupted, and it is as with `Handoff`.
    Trampoline,
    /// Not at all: as many goroutines as there are processors can hold up the others. What calls
    /// [`blocking`](crate::blocking()) makes room even so.
    Off,
}

/// What a runtime is made with.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) processors: usize,
    pub(crate) slice: Duration,
    pub(crate) most_threads: usize,
    pub(crate) preempt: Preempt,
    pub(crate) signal: i32,
    pub(crate) migration: Migration,
    pub(crate) on_panic: OnPanic,
    pub(crate) audit: bool,
    pub(crate) polls: bool,
}

/// What [`Stats`] counts.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) taken: AtomicU64,
    pub(crate) ordered: AtomicU64,
    pub(crate) preempted: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// What a runtime has done so far, and what it has; from [`Runtime::stats`](crate::Runtime::stats). The numbers
/// are read one after the other while things go on.
///
/// ```
/// let runtime = gort::Runtime::builder().processors(2).build()?;
/// let stats = runtime.stats();
/// assert_eq!((stats.goroutines, stats.signals_sent), (0, 0));
/// println!("{} threads, {} processors taken", stats.threads, stats.processors_taken);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Goroutines that have been started and have not ended; those of calls to come have not.
    pub goroutines: u64,
    /// Threads that run goroutines, or could.
    pub threads: usize,
    /// How often a processor was taken away from a goroutine that computed, or whose thread slept.
    pub processors_taken: u64,
    /// Signals sent for preemption in place; on Windows, how often a thread was to be suspended for it.
    pub signals_sent: u64,
    /// Of these, how many made a goroutine yield.
    pub preempted: u64,
    /// And how many came where or when it could not be interrupted.
    pub preemptions_refused: u64,
}
