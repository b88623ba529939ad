//! Giving the processor up for a call that blocks the thread, and getting one back; after Go's
//! `entersyscall` and `exitsyscall`, but the processor goes at once.
//!
//! A blocking call takes a thread for as long as it lasts. So that there are always some left to run
//! goroutines, no more calls are let in than there are threads beyond one for each processor; the others
//! wait, in order, parked. (Threads that wait with a goroutine, which has locked its own, say, are not counted: where they take the rest,
//! who is ready waits until a call is over.)

use super::Shared;
use super::machine::{After, Machine};
use super::park;
use super::pinned::yield_pinned;
use crate::clock::Deadline;
use crate::goroutine::{GoroutineRef, IN_CALL};
use crate::park::{Claim, Outcome, Ticket, Wait};
use crate::prim::Lock;
use crate::prim::atomic::Ordering::*;
use crate::prim::atomic::fence;
use crate::tls;
use std::collections::VecDeque;

/// How many blocking calls are under way, and who waits to begin one.
pub(crate) struct Calls {
    /// Not taken inside the runtime.
    turn: Lock<Turn>,
}

#[derive(Default)]
struct Turn {
    under_way: usize,
    waiting: VecDeque<Ticket>,
}

impl Turn {
    /// How many there may be is read with the lock held: who changes that lets in those who wait after it.
    fn next(&mut self, shared: &Shared) -> Option<Claim> {
        while self.under_way < shared.most_calls() {
            // SAFETY: goroutines' records stay as long as the runtime.
            let claim = unsafe { self.waiting.pop_front()?.claim(Outcome::arm(0)) };
            if claim.is_some() {
                self.under_way += 1;
                return claim;
            }
        }
        None
    }
}

impl Calls {
    pub(crate) fn new() -> Calls {
        Calls { turn: Lock::new(Turn::default()) }
    }

    /// Waits until there is a thread for a call of `goroutine`, the caller.
    fn begin(&self, goroutine: GoroutineRef, shared: &Shared) {
        let ticket = {
            let mut turn = self.turn.lock();
            if turn.under_way < shared.most_calls() && turn.waiting.is_empty() {
                turn.under_way += 1;
                return;
            }
            let ticket = goroutine.task().arm();
            turn.waiting.push_back(ticket);
            ticket
        };
        if park::park(goroutine, Deadline::NEVER, Wait::Blocking) == Outcome::SHUTDOWN {
            self.turn.lock().waiting.retain(|&other| other != ticket);
            park::unwind_for_shutdown();
        }
    }

    fn end(&self, shared: &Shared) {
        let next = {
            let mut turn = self.turn.lock();
            turn.under_way -= 1;
            turn.next(shared)
        };
        if let Some(claim) = next {
            claim.wake();
            self.admit(shared);
        }
    }

    /// Lets in those that wait as long as there are threads for them: whenever a call has ended, or there may be more.
    #[cold]
    #[inline(never)]
    pub(super) fn admit(&self, shared: &Shared) {
        let next = || self.turn.lock().next(shared);
        while let Some(claim) = next() {
            claim.wake();
        }
    }
}

/// Calls `f`, which may block the thread. On a thread that runs no goroutine it is just called.
pub(crate) fn blocking<R>(f: impl FnOnce() -> R) -> R {
    /// Comes back also when `f` panics.
    struct Call {
        goroutine: GoroutineRef,
        /// It is within another of the same goroutine, and uses its place: waiting for a second one, it would wait for itself. Or it is
        /// in a forked child, where the places are the parent's.
        is_nested: bool,
    }

    impl Drop for Call {
        fn drop(&mut self) {
            // What `f` has left there.
            gort_context::wipe_below();
            if self.is_nested {
                return;
            }
            self.goroutine.set_flag(IN_CALL, false);
            let shared = self.goroutine.shared();
            if shared.has_threads() {
                shared.calls.end(shared);
            }
            // `f` may have waited.
            let machine = tls::machine().expect("a goroutine runs on a machine");
            machine.come_back();
        }
    }

    let Some(machine) = tls::machine() else { return f() };
    let Some(goroutine) = machine.current() else { return f() };
    park::end_in_shutdown(goroutine);
    let shared = goroutine.shared();
    let is_nested = goroutine.has_flag(IN_CALL) || !shared.has_threads();
    if !is_nested {
        shared.calls.begin(goroutine, shared);
        goroutine.set_flag(IN_CALL, true);
    }
    // It may have waited, so the machine may be another.
    let machine = tls::machine().expect("a goroutine runs on a machine");
    machine.give_up_processor();
    let _call = Call { goroutine, is_nested };
    f()
}

impl Machine {
    /// Gives the processor to a machine that has a use for it, or lays it down.
    fn give_up_processor(&self) {
        let shared = self.shared();
        self.enter();
        if let Some(processor) = self.try_processor() {
            self.set_processor(None);
            if !processor.is_empty() || shared.global.len() > 0 {
                shared.hand_off(processor);
            } else {
                shared.lay_down(processor);
                // The processor was added before; the queues are read after.
                fence(SeqCst);
                if shared.has_work() {
                    shared.notify();
                }
                shared.ensure_watched();
            }
        }
        self.exit();
    }

    /// After a blocking call: goes on with a processor, here if one is idle, else where it is this
    /// goroutine's turn.
    fn come_back(&self) {
        // This takes an idle one.
        self.enter();
        let goroutine = self.current().expect("the caller is a goroutine");
        // Those that only this machine can run have waited meanwhile.
        if self.try_processor().is_some() && self.bound.len() == 0 {
            return self.exit();
        }
        if !self.shared().has_threads() {
            return self.exit(); // it has forked, and goes on by itself
        }
        if park::stays(goroutine) {
            if self.try_processor().is_none() {
                yield_pinned(self, goroutine);
            }
            return self.exit();
        }
        let next = self.pick();
        // SAFETY: the slot is the goroutine's own; it is requeued once it is saved; `next` was picked.
        unsafe { self.leave(goroutine.context_slot(), After::Requeue(goroutine), next) }.exit();
    }
}
