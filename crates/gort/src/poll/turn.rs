//! Who polls: one thread at a time.

use crate::prim::atomic::{AtomicBool, Ordering::*};

/// The right to poll, which nobody waits for: who finds that somebody else has it leaves the events to that one, who is
/// asleep in the poller, or awake and comes by before it sleeps. `sched/polling.rs` has the argument, and the model.
#[derive(Debug)]
pub(crate) struct Right {
    taken: AtomicBool,
}

impl Right {
    pub(crate) fn new() -> Right {
        Right { taken: AtomicBool::new(false) }
    }

    /// False: somebody has it.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        !self.taken.load(Relaxed)
            && self.taken.compare_exchange(false, true, SeqCst, Relaxed).is_ok()
    }

    /// By who has it. What others have published before they saw that it was taken is seen after this.
    pub(crate) fn give_back(&self) {
        self.taken.store(false, SeqCst);
    }

    /// Has nobody got it?
    pub(crate) fn is_free(&self) -> bool {
        !self.taken.load(SeqCst)
    }
}
