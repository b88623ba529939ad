//! The crowd: machines whose goroutine computes on after it has lost its processor.
//!
//! Each is a thread that wants a CPU, and the kernel gives every thread the same share. That is why a
//! goroutine that holds a lock when it loses its processor is never put off for long, and why all of a
//! thousand make the same progress. But what the scheduler does is done by threads, too, and with 500
//! threads for a CPU one of them that has used 20 µs more than others waits for 10 ms. So in a *large* crowd
//!
//! - the monitor's work is done by several threads that [take turns](super::watch), and its owner passes the
//!   office on before it starts a machine, which takes ten times as long as all that it does before;
//! - it sleeps until a slice ends: a look in between costs more than it can find;
//! - it does not ask whether a thread sleeps, which takes 0.1 ms where there are hundreds of them. A goroutine
//!   that blocks its thread without a word keeps its processor for a slice, as those do that compute;
//! - a slice is a quarter as long, about what the kernel gives a thread at a time, and begins when the
//!   processor is taken for somebody;
//! - a machine's [slice of the kernel's](super::kernel_slice) is short until it runs, and not after.
//!
//! Measured (`cd bench && cargo run --release -p harness -- one gort crowd w=2`, 1,000 goroutines that compute
//! for ten seconds) on two CPUs of an Intel host: without all this 334 of them had a turn, and a newcomer's first turn came after 4.6 s at p99;
//! with it 1,000 in each of five runs and 0.04 to 12 ms, and 945 to 1,000 in three of a slower hour. (On the AMD host of
//! `docs/performance.md` it is 638 to 754, and 40 to 58 ms.) What stood in the way, as
//! `perf sched` showed it:
//!
//! - a thread that is interrupted while it makes another one comes back after 0.1 s, or a second: nobody may wait for a
//!   lock that it holds, so [threads](super::threads) are made without;
//! - whoever a timer makes ready takes the `next` slot. If a processor comes to a machine late, and a timer was due
//!   meanwhile, whom it came with would go to the end of its queue: a second for 250 of them. So that one [goes
//!   first](super::find);
//! - the monitor's threads all wait at the CPU of the one that woke them, so none may take two turns.
//!
//! A goroutine that starts another after it has lost its processor has no `next` slot for it. At the end of the global queue that
//! one waited for all that came before; so it [takes turns](super::global) with those instead, and [with those](super::find) in the
//! queue of a processor that comes to another machine. (Seven pairs of runs, one after the other: a newcomer's wait at p99 went from
//! 26 to 0.2 ms, the longest from 0.4 s to 0.07, medians of the seven; turns from 616 to 670, as that hour had it.)
//!
//! Rejected: **a lower priority for the crowd's threads.** It is what would do it at once: with a nice value of
//! 19, or `SCHED_IDLE`, all 1,000 had a turn in five seconds and nobody was late. But
//!
//! - without privileges there is no way back (`RLIMIT_NICE` is 0 as a rule, and Linux asks for it on leaving
//!   `SCHED_IDLE`, too). The thread would have to end when its goroutine leaves it, and who has to go home
//!   to it, or has locked it, would be slow for the rest of its life;
//! - threads and processes inherit it, for good. A goroutine that starts a pool of threads, or a program,
//!   would start them slow because it had computed for 10 ms before;
//! - those with a processor would get 68 times as much as the others (340 with `SCHED_IDLE`), for as
//!   long as they compute: a goroutine that holds a lock could be put off for seconds by two that do not.
//!
//! `SCHED_BATCH` can be left again, and changes no share.

use super::Shared;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Duration;

/// So many for each processor are a large crowd: a thread gets less than a sixteenth of a CPU.
const LARGE: usize = 16;
/// So many need one more thread for the monitor's work.
const FOR_EACH_WATCHER: usize = 32;
/// What a look takes, sleeping and waking included.
const LOOK: Duration = Duration::from_micros(8);

#[derive(Default)]
pub(crate) struct Crowd {
    size: AtomicUsize,
}

/// Is a machine in the crowd?
#[derive(Default)]
pub(crate) struct Member(AtomicBool);

impl Crowd {
    /// True if it has not been in it.
    pub(crate) fn join(&self, member: &Member) -> bool {
        let joins = !member.0.swap(true, AcqRel);
        if joins {
            self.size.fetch_add(1, Relaxed);
        }
        joins
    }

    pub(crate) fn leave(&self, member: &Member) {
        if member.0.swap(false, AcqRel) {
            self.size.fetch_sub(1, Relaxed);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size.load(Relaxed) == 0
    }

    /// There is one, and it is not large.
    pub(crate) fn is_small(&self, shared: &Shared) -> bool {
        !self.is_empty() && !self.is_large(shared)
    }

    fn for_each_processor(&self, shared: &Shared) -> usize {
        self.size.load(Relaxed) / shared.active_processors()
    }

    pub(crate) fn is_large(&self, shared: &Shared) -> bool {
        self.for_each_processor(shared) >= LARGE
    }

    /// How many threads the monitor's work needs beside the one.
    pub(crate) fn watchers(&self, shared: &Shared) -> usize {
        if self.is_large(shared) { self.size.load(Relaxed) / FOR_EACH_WATCHER } else { 0 }
    }

    /// If it is large: how long the monitor has to sleep for a look.
    pub(crate) fn affordable_period(&self, shared: &Shared) -> Option<Duration> {
        let share = self.for_each_processor(shared);
        (share >= LARGE).then(|| LOOK * share as u32)
    }
}
