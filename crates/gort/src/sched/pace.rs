//! How quickly an owner goes through its queue: is what waits there worth another machine?
//!
//! A machine that is roused needs microseconds until it runs, on a CPU that others may want, and goroutines that it takes
//! leave their caches behind. So a queue that will be empty by then is left to its owner. There are two ways to tell:
//!
//! - **By what the owner tells**, where there are sockets. It looks at the clock whenever it polls, which takes
//!   much longer than that, and says how long a goroutine has taken since the last time. So nobody is roused in vain.
//! - **By watching**, elsewhere: a machine that searches looks for a microsecond how many picks the owner makes.
//!   An owner that looked at the clock now and then would be slower by more than it could gain. While the queue is long it
//!   goes on watching: an owner that begins to compute is found out at once. (A hundred that wait for one channel, each
//!   woken for 90 ns: `peer-gort waiters waiters=100` takes 140 to 160 ns a message, and took 400 when half of them were
//!   taken along each time, as the channel and their records travelled from cache to cache.)
//!
//! What an owner has told says nothing about one that has been interrupted by the kernel, or that has begun to compute:
//! what waits there is taken by those that are [busy themselves](Machine::relieve), or passed on by the
//! [monitor](super::monitor).
//!
//! Measured by an echo for 64 clients on the same two CPUs (`harness -- table -j tcp64 -p gort,tokio,epoll`): while each poll that
//! brought two events roused the other machine, it interrupted the one that polled, on the same CPU, and took the second
//! event from it: 0.17 futex calls and 0.21 context switches for an answer, and 0.02 and 0.05 since. And while nobody relieved
//! an owner that the kernel had put off for one of its ticks, of 4 ms, a thousandth of the answers took that long (1.4 ms now).

use super::run_queue::CAPACITY;
use super::{Machine, Processor, Shared};
use crate::clock;
use crate::prim::atomic::Ordering::*;
use std::cell::Cell;
use std::ptr;

/// Nanoseconds of work for which to rouse a machine, or to take from an owner that is quick.
const WORTHWHILE: u64 = 50_000;
/// Where owners do not tell, nobody is roused again for a queue that is shorter.
const FEW: u32 = 4;
/// Quick is less than so many nanoseconds for a goroutine, which is what stealing it costs.
const QUICK: u64 = 500;
/// Nanoseconds after which to tell how quick an owner is.
const JUDGED_AFTER: u64 = 1_000;
/// Nanoseconds after which what was seen of an owner says nothing any more.
const FORGOTTEN_AFTER: u64 = 500_000;

/// What a machine that searches is to do about a queue.
pub(super) enum Verdict {
    Take,
    Leave,
    NotKnown,
    /// There is nothing to take, which says nothing about the owner.
    Nothing,
}

/// What a machine knows of its own processor's pace, and of others'.
#[derive(Default)]
pub(super) struct Pace {
    /// Since when it has been at work, and with which processor.
    at_work: Cell<Option<Look>>,
    /// Who was watched last.
    watched: Cell<Option<Look>>,
    /// Whom to relieve if it has still made only so many picks.
    stalled: Cell<(usize, u32)>,
}

/// A processor as it was at some time.
#[derive(Clone, Copy)]
struct Look {
    index: usize,
    time: u64,
    tick: u32,
}

impl Look {
    fn at(processor: &Processor) -> Look {
        let tick = processor.tick.load(Relaxed);
        Look { index: processor.index, time: clock::now(), tick }
    }

    /// If it is the same processor: the nanoseconds that have passed, and the picks that it has made.
    fn since(self, before: Look) -> Option<(u64, u64)> {
        let picks = u64::from(self.tick.wrapping_sub(before.tick));
        (self.index == before.index).then(|| (self.time - before.time, picks))
    }
}

impl Shared {
    /// Is the queue so short that it is better left to an owner that goes through it quickly? So it is if
    /// [enough](super::enough) are in use.
    pub(super) fn is_short(&self, processor: &Processor) -> bool {
        let len = processor.queue.len();
        if self.has_driver() {
            if self.are_enough() {
                return true;
            }
            let pace = processor.pace.load(Relaxed);
            pace > 0 && u64::from(len) * u64::from(pace) < WORTHWHILE
        } else {
            len < FEW
        }
    }
}

impl Machine {
    /// Begins to measure its own pace, if it has more to do than one goroutine, which shows none.
    pub(super) fn is_at_work(&self, processor: &Processor) {
        self.pace.at_work.set((processor.queue.len() > 0).then(|| Look::at(processor)));
    }

    /// Tells its own pace, if it has been at work with that processor.
    pub(super) fn tell_pace(&self, processor: &Processor) {
        if let Some(before) = self.pace.at_work.take()
            && let Some((time, picks)) = Look::at(processor).since(before)
            && let Some(pace) = time.checked_div(picks)
        {
            processor.pace.store(u32::try_from(pace).unwrap_or(u32::MAX).max(1), Relaxed);
        }
    }

    pub(super) fn judge(&self, victim: &Processor) -> Verdict {
        if victim.queue.len() == 0 {
            Verdict::Nothing
        } else if self.shared().has_driver() {
            if self.shared().is_short(victim) { Verdict::Leave } else { Verdict::Take }
        } else {
            self.watch(victim)
        }
    }

    pub(super) fn forget_whom_it_watched(&self) {
        self.pace.watched.set(None);
    }

    fn watch(&self, victim: &Processor) -> Verdict {
        let look = Look::at(victim);
        match self.pace.watched.get().and_then(|before| look.since(before)) {
            Some((time, _)) if time < JUDGED_AFTER => Verdict::NotKnown,
            Some((time, picks)) if time < FORGOTTEN_AFTER => {
                let is_quick = picks * QUICK >= time;
                if !is_quick || u64::from(victim.queue.len()) * time >= picks * WORTHWHILE {
                    return Verdict::Take;
                }
                self.pace.watched.set(Some(look));
                Verdict::Leave
            }
            _ => {
                self.pace.watched.set(Some(look));
                Verdict::NotKnown
            }
        }
    }

    /// Takes over what waits at another processor that has made no pick since the last time, which is some dozens of this
    /// one's own picks ago, as far as there is room for it.
    pub(super) fn relieve(&self) {
        let (shared, mine) = (self.shared(), self.processor());
        let (index, before) = self.pace.stalled.get();
        let count = shared.processor_count();
        if let Some(victim) = shared.processor_at(index % count)
            && !ptr::eq(victim, mine)
            && victim.tick.load(Relaxed) == before
        {
            while mine.queue.len() <= CAPACITY / 2
                && let Some(goroutine) = victim.steal_into(mine)
            {
                mine.push(goroutine, shared);
            }
        }
        let next = (index + 1) % count;
        let next = if next == mine.index { (next + 1) % count } else { next };
        if let Some(victim) = shared.processor_at(next) {
            self.pace.stalled.set((next, victim.tick.load(Relaxed)));
        }
    }
}
