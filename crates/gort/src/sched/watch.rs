//! Who is the monitor: one thread, or in a [crowd](super::crowd) several that take turns.
//!
//! What the monitor knows goes from hand to hand. A thread that has looked twice, or has taken a processor away, lays it
//! down and wakes the one that has waited longest, as the kernel owes that one the most; only then it has a
//! machine run the processor, and waits for its next turn. It does not take up again what it laid down unless nobody
//! waits: having used up its share it would be the last to be run, and the others' shares would be of no use.
//! There is one thread more for every 32 in the crowd; who waits in vain for ten seconds ends.
//!
//! In a crowd the kernel is to run the monitor as soon as it wakes. Otherwise it is not: it would interrupt, a thousand
//! times a second, those who hold locks. (`harness -- one gort rwlock w=2`: 27.7 ns instead of 22.7.)

use super::Shared;
use super::kernel_slice::{AT_ONCE, BY_DEFAULT};
use super::monitor::Monitor;
use crate::sys;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So long a thread waits for its turn before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Watch {
    turn: Mutex<Turn>,
    /// Wakes, on Linux, in the order in which they came.
    changed: Condvar,
}

struct Turn {
    /// What the monitor knows, while nobody is it.
    monitor: Option<Box<Monitor>>,
    /// How many threads wait to be it.
    waiting: usize,
    /// How many there are, the one that a runtime begins with and those that are being started included. In a crowd a new
    /// thread takes a second to come here; if only those were counted that have, a turn after the other would start one more.
    threads: usize,
}

impl Default for Watch {
    fn default() -> Watch {
        let turn = Turn { monitor: Some(Box::default()), waiting: 0, threads: 1 };
        Watch { turn: Mutex::new(turn), changed: Condvar::new() }
    }
}

impl Watch {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that takes turns at being the monitor, until the runtime ends or it is not needed.
    pub(crate) fn main(&self, shared: &Shared) {
        let thread = sys::MachineThread::default();
        thread.begin();
        let mut is_at_once = false;
        let mut suit_the_crowd = || {
            let is_large = shared.crowd.is_large(shared);
            if is_large != is_at_once {
                is_at_once = is_large;
                thread.set_kernel_slice(if is_large { AT_ONCE } else { BY_DEFAULT });
            }
            is_large
        };
        suit_the_crowd();
        let mut turn = self.turn();
        while !shared.is_exiting() {
            if let Some(mut monitor) = turn.monitor.take() {
                drop(turn);
                let taken = monitor.main(shared, suit_the_crowd());
                turn = self.turn();
                turn.monitor = Some(monitor);
                let are_few = turn.threads <= shared.crowd.watchers(shared);
                turn.threads += usize::from(are_few);
                drop(turn);
                self.changed.notify_one();
                if let Some(taken) = taken {
                    taken.hand_over(shared);
                }
                // It would only be a help.
                let is_refused = are_few && shared.start_monitor().is_err();
                turn = self.turn();
                turn.threads -= usize::from(is_refused);
                // Who ends the runtime may have woken all before this one waits.
                if turn.waiting == 0 || shared.is_exiting() {
                    continue;
                }
            }
            turn.waiting += 1;
            let waited = self.changed.wait_timeout(turn, PATIENCE);
            let (woken, time) = waited.unwrap_or_else(PoisonError::into_inner);
            turn = woken;
            turn.waiting -= 1;
            if time.timed_out() && turn.monitor.is_none() {
                turn.threads -= 1;
                return;
            }
        }
    }

    /// The runtime ends: wakes those who wait.
    pub(crate) fn end(&self) {
        let _turn = self.turn();
        self.changed.notify_all();
    }
}
