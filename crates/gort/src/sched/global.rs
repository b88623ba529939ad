//! The global queue: linked through the records, for what comes from other threads and what the processors' rings have no room for.
//!
//! First in, first out, of two kinds: who was to run *at once* elsewhere, and all others. They take turns, so that the one kind
//! does not wait until a thousand of the other have run, and nobody for ever.

use super::list::{Linked, List};
use crate::goroutine::GoroutineRef;
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::cell::Cell;

pub(crate) struct GlobalQueue {
    // Written under the lock, read without.
    len: AtomicUsize,
    has_at_once: AtomicBool,
    lists: Lock<Lists<GoroutineRef>>,
}

struct Lists<T> {
    at_once: List<T>,
    others: List<T>,
    /// Whose turn is next.
    is_others_turn: bool,
}

impl<T: Linked> Lists<T> {
    fn new() -> Self {
        Lists { at_once: List::default(), others: List::default(), is_others_turn: false }
    }

    /// The one that has the next turn.
    fn next(&mut self) -> &mut List<T> {
        let is_others = self.at_once.is_empty() || self.is_others_turn && !self.others.is_empty();
        if is_others { &mut self.others } else { &mut self.at_once }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        if self.at_once.is_empty() {
            return self.others.pop();
        }
        let next = self.next().pop();
        self.is_others_turn = !self.is_others_turn;
        next
    }
}

impl Linked for GoroutineRef {
    #[inline(always)]
    fn link(&self) -> &Cell<Option<Self>> {
        &self.link
    }
}

impl GlobalQueue {
    pub(crate) fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            has_at_once: AtomicBool::new(false),
            lists: Lock::new(Lists::new()),
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    pub(crate) fn push(&self, goroutine: GoroutineRef) {
        self.push_all(std::iter::once(goroutine));
    }

    /// For one that was to run at once elsewhere.
    pub(crate) fn push_at_once(&self, goroutine: GoroutineRef) {
        let mut lists = self.lists.lock();
        lists.at_once.push(goroutine);
        self.has_at_once.store(true, Relaxed);
        self.len.store(self.len.load(Relaxed) + 1, Relaxed);
    }

    /// Takes one that was to run at once, if there is one.
    pub(crate) fn pop_at_once(&self) -> Option<GoroutineRef> {
        if !self.has_at_once.load(Relaxed) {
            return None;
        }
        let mut lists = self.lists.lock();
        let goroutine = lists.at_once.pop()?;
        self.has_taken(1, &lists);
        Some(goroutine)
    }

    fn has_taken(&self, count: usize, lists: &Lists<GoroutineRef>) {
        self.has_at_once.store(!lists.at_once.is_empty(), Relaxed);
        self.len.store(self.len.load(Relaxed) - count, Relaxed);
    }

    #[inline(always)]
    pub(crate) fn push_all(&self, goroutines: impl Iterator<Item = GoroutineRef>) {
        let mut lists = self.lists.lock();
        let mut count = 0;
        for goroutine in goroutines {
            lists.others.push(goroutine);
            count += 1;
        }
        self.len.store(self.len.load(Relaxed) + count, Relaxed);
    }

    /// Shows the first to `f`, which is to be quick.
    pub(crate) fn with_first<R>(&self, f: impl FnOnce(GoroutineRef) -> R) -> Option<R> {
        if self.len() == 0 {
            return None;
        }
        self.lists.lock().next().first().map(f)
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
        let mut lists = self.lists.lock();
        let first = lists.pop()?;
        let mut count = 1;
        while count <= more
            && let Some(goroutine) = lists.pop()
        {
            take(goroutine);
            count += 1;
        }
        self.has_taken(count, &lists);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node(u32, Cell<Option<&'static Node>>);

    impl Linked for &'static Node {
        fn link(&self) -> &Cell<Option<Self>> {
            &self.1
        }
    }

    #[test]
    fn two_kinds_take_turns() {
        let node = |number| &*Box::leak(Box::new(Node(number, Cell::new(None))));
        let mut lists = Lists::new();
        let next = |lists: &mut Lists<&'static Node>| lists.pop().map(|node| node.0);
        for number in 1..=3 {
            lists.others.push(node(number));
            lists.at_once.push(node(10 * number));
        }
        assert_eq!(lists.next().first().unwrap().0, 10);
        for expected in [10, 1, 20, 2] {
            assert_eq!(next(&mut lists), Some(expected));
        }
        // Those that come all the time keep nobody waiting.
        lists.at_once.push(node(40));
        for expected in [30, 3, 40] {
            assert_eq!(next(&mut lists), Some(expected));
        }
        assert_eq!(next(&mut lists), None);
        lists.others.push(node(4));
        assert_eq!(lists.next().first().unwrap().0, 4);
        assert_eq!(next(&mut lists), Some(4));
        assert_eq!(next(&mut lists), None);
    }
}
