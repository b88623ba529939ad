//! What machines do before they sleep: they give memory of stacks back that nobody uses.

use super::machine::Machine;
use super::processor::Processor;
use super::worker::Worker;
use crate::clock;
use crate::prim::atomic::Ordering::*;

/// A stack that was used further down than this is trimmed to what its worker stands on.
const DEEP: usize = 16 << 10;
/// Not more often than this, per processor.
const INTERVAL: u64 = 10_000_000;
/// Stacks in the pool that keep their first page; those beyond have no memory at all.
const KEPT_WARM: usize = 1024;

impl Machine {
    /// With a processor that is about to become idle. Returns what is left of it: nothing if it was
    /// given up early, as there is much to do.
    pub(crate) fn tidy(&self, processor: &'static Processor) -> Option<&'static Processor> {
        let now = clock::now();
        if now.saturating_sub(processor.owned.tidied.get()) < INTERVAL {
            return Some(processor);
        }
        processor.owned.tidied.set(now);
        processor.with_workers(|workers| workers.iter_mut().for_each(Worker::trim_if_deep));
        let shared = self.shared();
        if shared.workers.discarded.swap(0, Relaxed) == 0 {
            return Some(processor);
        }
        // Up to a second's work if a million goroutines have ended: others may have the processor.
        shared.idle.add_processor(processor);
        shared.workers.pool.trim(KEPT_WARM);
        None
    }
}

impl Worker {
    fn trim_if_deep(&mut self) {
        if !self.trimmed && self.stack.used_deep(DEEP) {
            // SAFETY: an idle worker is suspended, and only its processor's machine can resume it.
            unsafe { self.stack.trim_below(self.context) };
        }
        self.trimmed = true;
    }
}
