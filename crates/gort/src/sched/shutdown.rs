//! Stopping a runtime that has goroutines in it.
//!
//! From the moment `stopping` is set, a new goroutine's closure is dropped instead of run, and every
//! wait is ended with [`Outcome::SHUTDOWN`]: what blocks then takes itself out of its queues and
//! unwinds the goroutine's stack.
//!
//! 1. A wait that begins after that is ended by its [owner](mod@super::park), before it has parked.
//! 2. Those that had begun are found by walking over all records, again and again, as who was just about to park has done so
//!    a moment later.
//!
//! The walk alone would not do: who waits for moments only, as in a loop of spawning and joining, need never be parked when
//! the walking thread looks. That one is woken by each child's end, and then the wait is over; with one CPU and contexts that
//! are threads it runs when one of those goes to sleep, and then the wait has not begun or is over.
//!
//! Destructors that run then may block and are waited for; goroutines that are still there at the deadline are left to
//! themselves, with their machines.

use super::{Shared, park};
use crate::clock::Deadline;
use crate::goroutine::SHIELDED;
use crate::park::Outcome;
use crate::tell::tell;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for goroutines to end until the records are walked again.
const ROUND: Duration = Duration::from_millis(1);

impl Shared {
    /// Ends all goroutines, then all machines. Returns how many goroutines did not end in time.
    pub(crate) fn shut_down(self: &Arc<Self>, deadline: Deadline) -> Result<(), u64> {
        // The process that this was forked off does that.
        if self.check_origin().is_err() {
            return Ok(());
        }
        self.stop();
        if self.waits_for_caller() {
            let shared = self.clone();
            let end = move || {
                // Whoever has begun it has gone on.
                if let Err(left) = shared.end_all(deadline) {
                    tell(format_args!(
                        "{left} goroutine(s) did not end within the time limit of their runtime's shutdown"
                    ));
                }
            };
            let ending = std::thread::Builder::new().name("gort-shutdown".into()).spawn(end);
            return ending.map(drop).map_err(|_| self.live_goroutines());
        }
        // Another runtime's goroutine is not put aside meanwhile (see `preempt`), as it waits with the registry.
        let locked = park::lock_thread();
        let ended = self.end_all(deadline);
        park::unlock_thread(locked);
        ended
    }

    fn end_all(self: &Arc<Self>, deadline: Deadline) -> Result<(), u64> {
        loop {
            self.interrupt_all();
            self.retry_starts();
            let registry = self.registry();
            let left = self.live_goroutines();
            if left == 0 {
                break;
            }
            if deadline.has_passed() {
                return Err(left);
            }
            drop(self.ended.wait_timeout(registry, ROUND));
        }
        self.exit();
        Ok(())
    }

    fn interrupt_all(&self) {
        self.arena.for_each(|goroutine| {
            // The ticket first: it is for a wait that is parked, and by then the flags were set.
            let Some(ticket) = goroutine.task().parked_ticket() else { return };
            // One that is new and parked is to start later.
            let is_alive = goroutine.is_started() || goroutine.is_new();
            if !is_alive || goroutine.has_flag(SHIELDED) {
                return;
            }
            // SAFETY: records stay as long as the runtime.
            if let Some(claim) = unsafe { ticket.claim(Outcome::SHUTDOWN) } {
                claim.wake();
            }
        });
    }
}
