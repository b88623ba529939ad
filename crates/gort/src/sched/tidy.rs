//! Giving memory of stacks back that nobody uses: a machine looks through its processor's before it
//! sleeps, the [monitor](super::monitor) through the runtime's: [workers](super::spare) that are to spare, and the pools.
//!
//! What a processor keeps as it is for longer are the last [`KEPT`](super::workers::KEPT) stacks, if it lay down shortly before it
//! did for the last time.

use super::Shared;
use super::processor::Processor;
use super::worker::Worker;
use crate::clock;
use crate::prim::atomic::Ordering::*;

/// A stack that was used further down than this is trimmed to what its worker stands on.
const DEEP: usize = 16 << 10;
/// A processor's are not looked through more often than this.
const INTERVAL: u64 = 10_000_000;
/// What lies with the runtime and nobody has wanted for this long is given back.
const PATIENCE: u64 = 100_000_000;
/// Stacks in the pool of the default size that keep their first page; those beyond, and of other sizes all that nobody has
/// wanted, have no memory at all.
const KEPT_WARM: usize = 1024;
/// The monitor goes on with other things after that.
const AT_A_TIME: u64 = 500_000;

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
            self.trim();
        }
        self.trimmed = true.into();
    }

    /// Whatever its depth was, which a stack cannot tell for certain.
    fn trim(&mut self) {
        // SAFETY: an idle worker is suspended, and nobody but who has it can resume it.
        unsafe { self.stack.trim_below(self.context) };
    }
}

/// What the monitor gives back, a little at a time.
#[derive(Default)]
pub(crate) struct Tidier {
    /// When to see next what is wanted.
    next: u64,
    /// Something has come back since the time before last.
    again: bool,
    /// At work: so many workers that are to spare are still to be tidied,
    workers: usize,
    /// and these pools to be trimmed: of stacks of which size, and how many are to be kept.
    pools: Vec<(usize, usize)>,
}

impl Tidier {
    fn is_at_work(&self) -> bool {
        self.workers > 0 || !self.pools.is_empty()
    }

    /// When to call next; `None`: there is nothing to do.
    pub(crate) fn due(&self, shared: &Shared) -> Option<u64> {
        if self.is_at_work() {
            return Some(0);
        }
        (self.again || shared.workers.came_back.load(Relaxed) > 0).then_some(self.next)
    }

    pub(crate) fn step(&mut self, shared: &Shared) {
        if !self.is_at_work() {
            return self.begin(shared);
        }
        let end = clock::now() + AT_A_TIME;
        while self.is_at_work() && clock::now() < end {
            self.tidy_some(shared);
        }
    }

    fn begin(&mut self, shared: &Shared) {
        let all = &shared.workers;
        self.next = clock::now() + PATIENCE;
        // First: what comes back from here on may be missed below.
        self.again = all.came_back.swap(0, Relaxed) > 0;
        self.workers = all.spare.unwanted();
        self.pools.extend(all.pools().map(|(size, pool)| {
            let warm = if size == 0 { KEPT_WARM } else { 0 };
            (size, pool.wanted().max(warm))
        }));
    }

    fn tidy_some(&mut self, shared: &Shared) {
        let all = &shared.workers;
        if self.workers > 0 {
            let Some(mut worker) = all.spare.take_coldest() else {
                self.workers = 0;
                return;
            };
            worker.trim();
            shared.start_again(all.spare.give_tidied(worker, Worker::discard));
            self.workers -= 1;
        } else if let Some(&(size, keep)) = self.pools.last()
            && all.with_pool(size, |pool| pool.trim_step(keep)) == 0
        {
            self.pools.pop();
        }
    }
}
