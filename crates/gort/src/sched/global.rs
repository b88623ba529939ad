//! The global queue: first in, first out but for who has had a turn coming, linked through the records, for what comes from other
//! threads and what the processors' rings have no room for.

use super::list::{Linked, List};
use crate::goroutine::GoroutineRef;
use crate::prim::Lock;
use crate::prim::atomic::{AtomicUsize, Ordering::*};
use std::cell::Cell;

pub(crate) struct GlobalQueue {
    /// Written under the lock, read without.
    len: AtomicUsize,
    list: Lock<List<GoroutineRef>>,
}

impl Linked for GoroutineRef {
    #[inline(always)]
    fn link(&self) -> &Cell<Option<Self>> {
        &self.link
    }
}

impl GlobalQueue {
    pub(crate) fn new() -> Self {
        Self { len: AtomicUsize::new(0), list: Lock::new(List::default()) }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    pub(crate) fn push(&self, goroutine: GoroutineRef) {
        let mut list = self.list.lock();
        list.push(goroutine);
        self.len.store(self.len.load(Relaxed) + 1, Relaxed);
    }

    /// For one whose turn it was elsewhere.
    pub(crate) fn push_first(&self, goroutine: GoroutineRef) {
        let mut list = self.list.lock();
        list.push_first(goroutine);
        self.len.store(self.len.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn push_all(&self, goroutines: impl Iterator<Item = GoroutineRef>) {
        let mut list = self.list.lock();
        let mut count = 0;
        for goroutine in goroutines {
            list.push(goroutine);
            count += 1;
        }
        self.len.store(self.len.load(Relaxed) + count, Relaxed);
    }

    /// Shows the first to `f`, which is to be quick.
    pub(crate) fn with_first<R>(&self, f: impl FnOnce(GoroutineRef) -> R) -> Option<R> {
        if self.len() == 0 {
            return None;
        }
        self.list.lock().first().map(f)
    }

    /// Takes the first; up to `more` that follow it go to `take`.
    pub(crate) fn pop_batch(
        &self,
        more: usize,
        mut take: impl FnMut(GoroutineRef),
    ) -> Option<GoroutineRef> {
        if self.len() == 0 {
            return None;
        }
        let mut list = self.list.lock();
        let first = list.pop()?;
        let mut count = 1;
        while count <= more
            && let Some(goroutine) = list.pop()
        {
            take(goroutine);
            count += 1;
        }
        self.len.store(self.len.load(Relaxed) - count, Relaxed);
        Some(first)
    }
}
