//! Goroutines that wait together with their machine: one that unwinds, as std counts panics by thread, and one that has locked its
//! thread.
//!
//! Such a one is pinned while it waits: the machine has given its processor away, and sleeps. Whoever makes the goroutine
//! ready puts it into a queue, like any other, and whoever picks it there sends it home: the picker's
//! processor goes to the machine, which wakes with it ([`home`](super::home)).
//!
//! **It needs no other machine.** If there is no thread to be had for a processor, be it that there are to be no more or that
//! the system has none, everybody who has a thread may be waiting. So whoever fails to start one gives the processor to a
//! pinned goroutine that is ready, of which the [global queue](super::global) has a list; and the [monitor](super::monitor), which tries again as
//! long as there is work, then fires the timers that are due, and does not rest while there are any.

use super::Shared;
use super::machine::Machine;
use super::processor::Processor;
use crate::clock::Deadline;
use crate::goroutine::{GoroutineRef, PINNED, SHIELDED, UNWINDS};

/// Parks a goroutine together with its machine, which gives its processor to another. If it unwinds, a
/// shutdown lets it finish that.
#[cold]
#[inline(never)]
pub(super) fn park_pinned(machine: &Machine, goroutine: GoroutineRef) {
    pin(goroutine);
    if goroutine.task().commit() {
        machine.await_processor(goroutine);
    }
    goroutine.set_flag(PINNED, false);
}

/// Yields with the machine: to the end of the queue, from which another machine passes the processor
/// back. It waits for nobody, so a shutdown finds no wait of it to claim: whoever did would have it run while it is running.
#[cold]
#[inline(never)]
pub(super) fn yield_pinned(machine: &Machine, goroutine: GoroutineRef) {
    pin(goroutine);
    match machine.try_processor() {
        Some(processor) => processor.push(goroutine, machine.shared()),
        None => machine.shared().inject(goroutine),
    }
    machine.await_processor(goroutine);
    goroutine.set_flag(PINNED, false);
}

impl Machine {
    /// Gives the processor away and sleeps, with a pinned goroutine, until it is given one for it.
    fn await_processor(&self, goroutine: GoroutineRef) {
        self.shared().ensure_origin();
        if let Some(processor) = self.try_processor() {
            self.set_processor(None);
            self.shared().hand_off(processor);
        }
        while self.try_processor().is_none() {
            self.doze(Deadline::NEVER);
        }
        self.set_current(Some(goroutine));
    }
}

fn pin(goroutine: GoroutineRef) {
    goroutine.set_flag(PINNED, true);
    if std::thread::panicking() && !goroutine.has_flag(SHIELDED) {
        goroutine.set_flag(SHIELDED | UNWINDS, true);
    }
}

impl Shared {
    /// There is no machine for `processor`, which is the caller's: gives it to somebody who waits with one and is ready. False:
    /// there is nobody.
    pub(super) fn give_to_pinned(&self, processor: &'static Processor) -> bool {
        self.take_queue_of(processor);
        let Some(goroutine) = self.global.pop_pinned() else { return false };
        self.home_of(goroutine).rouse(Some(processor), false);
        true
    }
}
