//! Goroutines that start at a time, or when somebody says so, unless they are stopped before.
//!
//! Such a goroutine is a record with its closure, as every new one, and has no stack. It is not in a run
//! queue, though: its task is parked from the start, and the ticket of that wait lies among the timers
//! like the ticket of one that sleeps. So there is no other kind of timer, and nothing to do for those that
//! fire: the claim is woken, and the goroutine begins.
//!
//! | who claims the wait | what follows |
//! |---|---|
//! | the timers, `start` | it goes into a run queue and begins |
//! | `stop` | its closure is dropped by the caller, and it has ended |
//! | `reset` | it is armed again, for another time |
//! | the shutdown | it goes into a run queue, where a runtime that stops drops its closure |
//!
//! One of them wins, by the [park word](crate::park::word)'s first invariant; `stop` returns true if it was
//! the one. The record stays the handle's ([`Later`]) until that is dropped, by the join word's protocol, so
//! a ticket for it may be tried at any time. The models of [`timer`](super::timer) run the claims against each other.
//!
//! Measured (`harness -- table -j timer_func,context` in `bench/`): 78 ns to make one and stop it among 100,000 others,
//! of which the clock was 35, then with std's arithmetic, and sweeping the stale tickets 8; most of the rest are nine
//! atomic instructions. Copying the handle and the closure from function to function was 20 more, hence the `inline`s.

use super::park::{inside, shielded};
use super::processor::Processor;
use super::timer::NEVER;
use super::{Attributes, Shared};
use crate::clock::Deadline;
use crate::goroutine::join::{End, Owner};
use crate::goroutine::{GoroutineRef, State, panic, payload};
use crate::park::{Caller, Claim, Outcome, Ticket, caller};
use crate::prim::atomic::Ordering::*;
use crate::tls;
use std::fmt;
use std::io;
use std::ptr::NonNull;

/// A goroutine that is to start later. Dropped, it leaves it to itself.
pub(crate) struct Later {
    goroutine: GoroutineRef,
    /// For the wait that was armed last.
    ticket: Ticket,
    /// Whose timers it is in.
    timers: Option<&'static Processor>,
}

/// One of a runtime's goroutines that have not started. Goes with its closure's first turn, or with the
/// closure.
struct Counted(NonNull<Shared>);

// SAFETY: it only counts, and a runtime outlives the closures of its goroutines.
unsafe impl Send for Counted {}

impl Counted {
    fn new(shared: &Shared) -> Counted {
        shared.count_later(1);
        Counted(NonNull::from(shared))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { self.0.as_ref() }.count_later(-1);
    }
}

impl Shared {
    /// Makes a goroutine of `closure` that starts at `deadline`.
    ///
    /// # Errors
    /// If there is no memory for it.
    #[inline]
    pub(crate) fn spawn_later<F>(&self, deadline: Deadline, closure: F) -> io::Result<Later>
    where
        F: FnOnce() + Send + 'static,
    {
        let goroutine = self.new_record(Attributes::default(), true)?;
        // It is not the doing of whoever makes it, who may be unwinding.
        goroutine.clear_flags();
        let counted = Counted::new(self);
        let body = move || {
            drop(counted);
            closure();
        };
        // SAFETY: the record is vacant and this caller's; the closure may go to another thread, and owns
        // what it holds.
        unsafe { payload::put_detached(&goroutine, body) };
        let (ticket, timers) = self.arm_later(goroutine, deadline);
        Ok(Later { goroutine, ticket, timers })
    }

    /// By the goroutine's owner: parks it until the deadline.
    #[inline]
    fn arm_later(
        &self,
        goroutine: GoroutineRef,
        deadline: Deadline,
    ) -> (Ticket, Option<&'static Processor>) {
        let ticket = goroutine.task().arm_parked();
        // After the word: the shutdown, which finds the one, also sees the other.
        goroutine.set_state(State::New);
        if deadline.has_passed() {
            start(ticket);
            return (ticket, None);
        }
        let inside = inside();
        let mine = inside.as_ref().and_then(|inside| inside.processor_of(self));
        // In a forked child nothing is to start, and another thread may have had the timers' lock.
        let is_to_come = deadline.nanos() != NEVER && (mine.is_some() || self.has_threads());
        let timers = is_to_come.then(|| self.add_timer(mine, deadline.nanos(), ticket));
        (ticket, timers)
    }

    fn count_later(&self, change: isize) {
        let inside = inside();
        match inside.as_ref().and_then(|inside| inside.processor_of(self)) {
            Some(processor) => processor.count_later(change),
            None => drop(self.later_outside.fetch_add(change, Relaxed)),
        }
    }

    /// Would the shutdown wait for the caller? It is one of the goroutines, or about to end one, or a destructor of a thread that is
    /// to be waited for.
    pub(super) fn waits_for_caller(&self) -> bool {
        let is_dropper = || {
            let _inside = inside();
            self.registry().droppers.contains(&caller())
        };
        self.callers_machine().is_some() || tls::is_owner(self) || is_dropper()
    }
}

fn start(ticket: Ticket) -> bool {
    // SAFETY: records stay as long as the runtime.
    let claim = unsafe { ticket.claim(Outcome::TIMED_OUT) };
    claim.map(Claim::wake).is_some()
}

impl Later {
    /// Keeps it from starting, and drops its closure. False: it has started, or was stopped before.
    pub(crate) fn stop(&self) -> bool {
        self.claim().map(Claimed::end).is_some()
    }

    /// Starts it now. False: it has started, or was stopped.
    pub(crate) fn start(&self) -> bool {
        let started = start(self.ticket);
        if started {
            self.note_stale();
        }
        started
    }

    /// Moves its start to another time. False: it has started, or was stopped.
    pub(crate) fn reset(&mut self, deadline: Deadline) -> bool {
        let Some(claimed) = self.claim() else { return false };
        (self.ticket, self.timers) = claimed.shared().arm_later(self.goroutine, deadline);
        true
    }

    /// Becomes the goroutine's owner, unless it has got another.
    #[inline]
    pub(crate) fn claim(&self) -> Option<Claimed> {
        let shared = self.goroutine.shared();
        // It may be the last of a runtime that is being shut down, which is to wait for this thread.
        let is_visitor = shared.callers_machine().is_none();
        if is_visitor {
            shared.visitors.fetch_add(1, SeqCst);
        }
        let claimed = Claimed { goroutine: self.goroutine, is_visitor };
        // SAFETY: records stay as long as the runtime.
        let claim = unsafe { self.ticket.claim(Outcome::arm(0)) }?;
        claim.take_over();
        self.note_stale();
        Some(claimed)
    }

    /// Its ticket will be found to be over.
    fn note_stale(&self) {
        if let Some(processor) = self.timers {
            self.goroutine.shared().note_stale(processor);
        }
    }
}

/// A goroutine that does not start by itself any more: whoever has this arms it anew, or ends it.
#[must_use]
pub(crate) struct Claimed {
    goroutine: GoroutineRef,
    is_visitor: bool,
}

impl Claimed {
    fn shared(&self) -> &Shared {
        self.goroutine.shared()
    }

    /// Drops the closure; the goroutine has ended without a turn.
    #[inline]
    pub(crate) fn end(self) {
        let goroutine = self.goroutine;
        // SAFETY: the goroutine is new and its owner is the caller, so the closure is in its place.
        let abandon = || unsafe { (goroutine.vtable().abandon)(&goroutine) };
        // A shutdown of the caller's runtime does not interrupt the destructor: that would be caught with its panics.
        let dropped =
            if self.is_visitor { self.drop_from_outside(abandon) } else { shielded(abandon) };
        if let Err(payload) = dropped {
            panic::report(goroutine.id.get(), None, payload, self.shared().is_stopping());
        }
        goroutine.set_state(State::Ended);
        // The handle may have been dropped meanwhile.
        let is_mine = matches!(goroutine.join().finish(), End::Alone);
        let inside = inside();
        let processor = inside.as_ref().and_then(|inside| inside.processor_of(self.shared()));
        self.shared().count_end(processor, is_mine.then_some(goroutine));
    }

    /// Somebody from outside drops a closure. If that holds the last handle of its runtime it shuts that down, which must not
    /// wait for the goroutine that this is about to end.
    #[cold]
    #[inline(never)]
    fn drop_from_outside<R>(&self, abandon: impl FnOnce() -> R) -> R {
        let me = caller();
        let with_droppers = |f: &dyn Fn(&mut Vec<Caller>)| {
            let _inside = inside();
            f(&mut self.shared().registry().droppers);
        };
        with_droppers(&|droppers| droppers.push(me));
        let result = shielded(abandon);
        // Another entry of the same caller's is as good.
        with_droppers(&|droppers| {
            let mine = droppers.iter().position(|dropper| *dropper == me);
            droppers.swap_remove(mine.expect("its entry is there until here"));
        });
        result
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.is_visitor {
            self.shared().visitors.fetch_sub(1, SeqCst);
        }
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if self.goroutine.join().detach() == Owner::Handle {
            Shared::free_record(self.goroutine);
        }
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("id", &self.goroutine.id.get()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Runtime, tls};
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::Duration;

    /// The timers of a processor that is not to run any more go to the first.
    #[test]
    fn timers_that_have_moved_are_swept_out_when_they_are_stopped() {
        let runtime = Runtime::builder().processors(2).build().unwrap();
        let shared = runtime.run(|| tls::machine().expect("of a goroutine").shared());
        let make = || {
            let in_an_hour = Deadline::after(Duration::from_secs(3600));
            (0..100).map(|_| shared.spawn_later(in_an_hour, || ()).unwrap()).collect::<Vec<_>>()
        };
        let (first, second) = (shared.first_processor(), shared.processor_at(1).unwrap());
        let mut calls = Vec::new();
        while second.timers.earliest() == NEVER {
            let both_run = Arc::new(Barrier::new(2));
            let each = [0, 1].map(|_| {
                let both_run = both_run.clone();
                runtime.spawn(move || {
                    both_run.wait();
                    make()
                })
            });
            calls.extend(each.into_iter().flat_map(|each| each.join().unwrap()));
        }
        runtime.set_processors(1);
        while first.timers.len() < calls.len() {
            thread::yield_now();
        }
        assert!(calls.iter().all(Later::stop));
        let one = runtime.run(make).len();
        assert!(first.timers.len() <= one);
    }
}
