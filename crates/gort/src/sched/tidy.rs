//! Giving memory of stacks back that nobody uses: a machine looks through its processor's before it
//! sleeps, the [monitor](super::monitor) through the runtime's.

use super::Shared;
use super::processor::Processor;
use super::worker::Worker;
use crate::clock;
use crate::prim::atomic::Ordering::*;

/// A stack that was used further down than this is trimmed to what its worker stands on.
const DEEP: usize = 16 << 10;
/// A processor's are not looked through more often than this.
const INTERVAL: u64 = 10_000_000;
/// A stack in the pool that nobody has wanted for this long is trimmed.
const PATIENCE: u64 = 100_000_000;
/// Stacks in the pool that keep their first page; those beyond have no memory at all.
const KEPT_WARM: usize = 1024;
/// Calls of 64 stacks each at a time: about half a millisecond.
const STEPS: usize = 8;

impl Processor {
    /// Owner, about to become idle.
    pub(crate) fn tidy(&self) {
        let now = clock::lately();
        if now.saturating_sub(self.owned.tidied.get()) >= INTERVAL {
            self.owned.tidied.set(now);
            self.with_workers(|workers| workers.iter_mut().for_each(Worker::trim_if_deep));
        }
    }
}

impl Worker {
    fn trim_if_deep(&mut self) {
        if !self.trimmed.get() && self.stack.used_deep(DEEP) {
            // SAFETY: an idle worker is suspended, and only its processor's machine can resume it.
            unsafe { self.stack.trim_below(self.context) };
        }
        self.trimmed = true.into();
    }
}

/// Trims the pool, a little at a time.
#[derive(Default)]
pub(crate) struct PoolTidier {
    /// When to see next what is wanted.
    next: u64,
    /// Stacks have come back since the time before last.
    again: bool,
    /// At work: so many are to be kept.
    keep: Option<usize>,
}

impl PoolTidier {
    /// When to call next; `None`: there is nothing to do.
    pub(crate) fn due(&self, shared: &Shared) -> Option<u64> {
        if self.keep.is_some() {
            return Some(0);
        }
        (self.again || shared.workers.discarded.load(Relaxed) > 0).then_some(self.next)
    }

    pub(crate) fn step(&mut self, shared: &Shared) {
        let pool = &shared.workers.pool;
        if let Some(keep) = self.keep {
            if (0..STEPS).any(|_| pool.trim_step(keep) == 0) {
                self.keep = None;
            }
            return;
        }
        self.next = clock::now() + PATIENCE;
        self.keep = Some(pool.wanted().max(KEPT_WARM));
        self.again = shared.workers.discarded.swap(0, Relaxed) > 0;
    }
}
