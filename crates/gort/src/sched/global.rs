//! The global queue: linked through the records, for what comes from other threads and what the processors' rings have no room for.
//!
//! First in, first out, of three kinds: who was to run *at once* elsewhere, who is [pinned](super::pinned), and all others. They take turns, so
//! that one kind does not wait until a thousand of another have run, and nobody for ever.

use super::list::{Linked, List};
use crate::goroutine::{GoroutineRef, PINNED};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::cell::Cell;

pub(crate) struct GlobalQueue {
    // Written under the lock, read without.
    len: AtomicUsize,
    /// Are there any but the others?
    has_special: AtomicBool,
    lists: Lock<Lists<GoroutineRef>>,
}

/// The kinds, in the order of their turns.
const AT_ONCE: usize = 0;
const WITH_MACHINE: usize = 1;
const OTHERS: usize = 2;
const KINDS: usize = 3;

struct Lists<T> {
    kinds: [List<T>; KINDS],
    /// Whose turn is next.
    turn: usize,
}

impl<T: Linked> Lists<T> {
    fn new() -> Self {
        Lists { kinds: Default::default(), turn: AT_ONCE }
    }

    fn has_special(&self) -> bool {
        !(self.kinds[AT_ONCE].is_empty() && self.kinds[WITH_MACHINE].is_empty())
    }

    /// The kind that has the next turn.
    fn next(&self) -> usize {
        let mut in_turn = (self.turn..self.turn + KINDS).map(|kind| kind % KINDS);
        in_turn.find(|&kind| !self.kinds[kind].is_empty()).unwrap_or(OTHERS)
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        if !self.has_special() {
            return self.kinds[OTHERS].pop();
        }
        let kind = self.next();
        self.turn = (kind + 1) % KINDS;
        self.kinds[kind].pop()
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
            has_special: AtomicBool::new(false),
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

    #[inline(always)]
    pub(crate) fn push_all(&self, goroutines: impl Iterator<Item = GoroutineRef>) {
        self.push_as(OTHERS, goroutines);
    }

    /// For one that was to run at once elsewhere.
    pub(crate) fn push_at_once(&self, goroutine: GoroutineRef) {
        self.push_as(AT_ONCE, std::iter::once(goroutine));
    }

    #[inline(always)]
    fn push_as(&self, kind: usize, goroutines: impl Iterator<Item = GoroutineRef>) {
        let mut lists = self.lists.lock();
        let mut len = self.len.load(Relaxed);
        for goroutine in goroutines {
            let kind = if goroutine.has_flag(PINNED) { WITH_MACHINE } else { kind };
            lists.kinds[kind].push(goroutine);
            len += 1;
        }
        self.has_changed(len, &lists);
    }

    #[inline(always)]
    fn has_changed(&self, len: usize, lists: &Lists<GoroutineRef>) {
        self.has_special.store(lists.has_special(), Relaxed);
        self.len.store(len, Relaxed);
    }

    /// Takes one that was to run at once, if there is one.
    pub(crate) fn pop_at_once(&self) -> Option<GoroutineRef> {
        self.pop_special(AT_ONCE)
    }

    /// Takes one that waits with its machine, if there is one.
    pub(crate) fn pop_pinned(&self) -> Option<GoroutineRef> {
        self.pop_special(WITH_MACHINE)
    }

    fn pop_special(&self, kind: usize) -> Option<GoroutineRef> {
        if !self.has_special.load(Relaxed) {
            return None;
        }
        let mut lists = self.lists.lock();
        let goroutine = lists.kinds[kind].pop()?;
        self.has_changed(self.len.load(Relaxed) - 1, &lists);
        Some(goroutine)
    }

    /// Shows the first to `f`, which is to be quick.
    pub(crate) fn with_first<R>(&self, f: impl FnOnce(GoroutineRef) -> R) -> Option<R> {
        if self.len() == 0 {
            return None;
        }
        let lists = self.lists.lock();
        lists.kinds[lists.next()].first().map(f)
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
        self.has_changed(self.len.load(Relaxed) - count, &lists);
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
    fn the_kinds_take_turns() {
        let node = |number| &*Box::leak(Box::new(Node(number, Cell::new(None))));
        let mut lists = Lists::new();
        let next = |lists: &mut Lists<&'static Node>| lists.pop().map(|node| node.0);
        for number in 1..=3 {
            lists.kinds[OTHERS].push(node(number));
            lists.kinds[AT_ONCE].push(node(10 * number));
        }
        lists.kinds[WITH_MACHINE].push(node(100));
        assert_eq!(lists.next(), AT_ONCE);
        for expected in [10, 100, 1, 20, 2] {
            assert_eq!(next(&mut lists), Some(expected));
        }
        // Those that come all the time keep nobody waiting.
        lists.kinds[AT_ONCE].push(node(40));
        for expected in [30, 3, 40] {
            assert_eq!(next(&mut lists), Some(expected));
        }
        assert_eq!(next(&mut lists), None);
        lists.kinds[OTHERS].push(node(4));
        assert_eq!(lists.next(), OTHERS);
        assert_eq!(next(&mut lists), Some(4));
        assert_eq!(next(&mut lists), None);
    }
}
