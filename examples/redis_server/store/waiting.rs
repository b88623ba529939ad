//! Waiting for an element of a list.
//!
//! Who finds all its lists empty leaves a [`Waiter`] with each of them, under the locks under which it has
//! looked, and then waits at a channel. Who pushes an element finds the waiters under the same lock, and hands it
//! over to the first. Several may get hold of a waiter at once: through two of its lists, its timeout, the end of its
//! connection. The one that claims it decides how the wait ends.

use super::{Bytes, End};
use gort::chan::{Receiver, Sender, chan};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A key, and the element that was taken from its list.
pub(crate) type Popped = (Bytes, Bytes);

pub(crate) struct Waiter {
    /// Where to take the element.
    pub(crate) end: End,
    claimed: AtomicBool,
    handover: Sender<Popped>,
}

impl Waiter {
    pub(crate) fn new(end: End) -> (Arc<Waiter>, Receiver<Popped>) {
        // Room for the one that is ever sent: whoever sends holds a lock.
        let (handover, popped) = chan(1);
        (Arc::new(Waiter { end, claimed: AtomicBool::new(false), handover }), popped)
    }

    /// True for one caller, who then has to end the wait.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Ends the wait with an element; of those who have claimed it.
    pub(super) fn hand_over(&self, popped: Popped) {
        // There is room, and somebody to take it, unless that goroutine has panicked.
        let _ = self.handover.try_send(popped);
    }

    /// Ends the wait with nothing, unless it has ended otherwise.
    pub(crate) fn cancel(&self) {
        if self.claim() {
            self.handover.close();
        }
    }

    /// Waits until there is an element. `None`: cancelled, or the deadline has passed.
    pub(crate) fn wait(
        &self,
        popped: &Receiver<Popped>,
        deadline: Option<Instant>,
    ) -> Option<Popped> {
        if let Some(deadline) = deadline
            && let Ok(popped) = popped.recv_deadline(deadline)
        {
            return Some(popped);
        }
        if deadline.is_some() {
            self.cancel();
        }
        // Somebody may have been faster than the deadline: then an element is on its way.
        popped.recv()
    }
}
