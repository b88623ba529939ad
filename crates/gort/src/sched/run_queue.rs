//! A processor's run queue: a ring that others steal from, and a slot for who runs next.
//!
//! After Go's `runq`: the owner pushes at the tail and pops at the head, thieves take half from the
//! head. `head` is moved by compare-and-swap by whoever takes; `tail` by the owner alone.
//!
//! Invariants:
//! 1. Entries `head..tail` (wrapping) are filled, at most `CAPACITY` of them.
//! 2. Who moves `head` from `h` to `h + n` owns the entries it read before: they cannot have been
//!    overwritten, as the owner writes to a slot again only after it has seen a `head` past it.
//! 3. `tail` is released after the slot is written, and acquired before it is read.
//!
//! The `next` slot is last in, first out, so that a goroutine that was just made ready finds its
//! data in the cache; thieves leave it there. The monitor takes it, but only when the owner has not looked
//! at its queue since the monitor looked last (`sched::monitor`).
//!
//! Rejected: a Chase–Lev deque (the owner would run the newest first, which starves the oldest); a
//! queue without a bound (a push that may allocate, and thieves that take one at a time).

use crate::prim::atomic::{AtomicPtr, AtomicU32, Ordering::*};
use crossbeam_utils::CachePadded;
use std::ptr;

#[cfg(not(loom))]
pub(crate) const CAPACITY: u32 = 256;
#[cfg(loom)]
pub(crate) const CAPACITY: u32 = 4;

/// As many as go from a full ring to the global queue.
pub(crate) const SPILL: usize = CAPACITY as usize / 2;

/// Entries from which on it pays to look at those that come next: what fewer lead to is in the cache.
const MANY: u32 = 8;

pub(crate) struct RunQueue<T> {
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
    next: CachePadded<AtomicPtr<T>>,
    slots: Box<[AtomicPtr<T>; CAPACITY as usize]>,
}

impl<T> RunQueue<T> {
    pub(crate) fn new() -> Self {
        let empty = || AtomicPtr::new(ptr::null_mut());
        // By way of a vector, as an array would go over the stack.
        let slots: Vec<_> = std::iter::repeat_with(empty).take(CAPACITY as usize).collect();
        Self {
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
            next: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            slots: slots.try_into().expect("as many as there are slots"),
        }
    }

    #[inline(always)]
    fn slot(&self, index: u32) -> &AtomicPtr<T> {
        &self.slots[(index % CAPACITY) as usize]
    }

    /// Owner: puts an entry at the end. If the ring is full, the older half and the entry go to
    /// `spill` instead.
    #[inline(always)]
    pub(crate) fn push(&self, entry: *mut T, spill: impl FnOnce(&[*mut T])) {
        let tail = self.tail.load(Relaxed);
        let head = self.head.load(Acquire);
        if tail.wrapping_sub(head) < CAPACITY {
            self.slot(tail).store(entry, Relaxed);
            self.tail.store(tail.wrapping_add(1), Release);
        } else {
            self.push_full(entry, spill);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_full(&self, entry: *mut T, spill: impl FnOnce(&[*mut T])) {
        loop {
            let tail = self.tail.load(Relaxed);
            let head = self.head.load(Acquire);
            if tail.wrapping_sub(head) < CAPACITY {
                // Thieves have made room in the meantime.
                self.slot(tail).store(entry, Relaxed);
                self.tail.store(tail.wrapping_add(1), Release);
                return;
            }
            let mut batch = [ptr::null_mut(); SPILL + 1];
            for (index, place) in batch[..SPILL].iter_mut().enumerate() {
                *place = self.slot(head.wrapping_add(index as u32)).load(Relaxed);
            }
            batch[SPILL] = entry;
            let after = head.wrapping_add(SPILL as u32);
            if self.head.compare_exchange(head, after, AcqRel, Acquire).is_ok() {
                spill(&batch);
                return;
            }
        }
    }

    /// Takes the oldest entry of the ring: the owner, or the monitor, which wants just one. If there are many, `coming` is called with
    /// the two that come after it, which may be gone, or another's, by now.
    #[inline(always)]
    pub(crate) fn pop(&self, coming: impl FnOnce([*mut T; 2])) -> Option<*mut T> {
        let mut head = self.head.load(Acquire);
        loop {
            // The tail after the head, each time: one from before may be behind it by now, if others have pushed and
            // popped meanwhile, and would not be reached.
            let tail = self.tail.load(Acquire);
            if head == tail {
                return None;
            }
            let entry = self.slot(head).load(Relaxed);
            let after = head.wrapping_add(1);
            match self.head.compare_exchange_weak(head, after, AcqRel, Acquire) {
                Ok(_) => {
                    if tail.wrapping_sub(head) > MANY {
                        let slots = [self.slot(after), self.slot(after.wrapping_add(1))];
                        coming(slots.map(|slot| slot.load(Relaxed)));
                    }
                    return Some(entry);
                }
                Err(now) => head = now,
            }
        }
    }

    /// Owner: sets who runs next; returns who was to.
    #[inline(always)]
    pub(crate) fn set_next(&self, entry: *mut T) -> Option<*mut T> {
        let old = self.next.swap(entry, AcqRel);
        (!old.is_null()).then_some(old)
    }

    /// Takes the entry that is to run next: the owner, or the monitor if the owner does not go on.
    #[inline(always)]
    pub(crate) fn take_next(&self) -> Option<*mut T> {
        if self.next.load(Relaxed).is_null() {
            return None;
        }
        let entry = self.next.swap(ptr::null_mut(), AcqRel);
        (!entry.is_null()).then_some(entry)
    }

    #[inline(always)]
    pub(crate) fn has_next(&self) -> bool {
        !self.next.load(Relaxed).is_null()
    }

    /// Counts the entries that have been taken out of the ring, wrapping: others see by it whether the
    /// oldest is still the same.
    pub(crate) fn taken(&self) -> u32 {
        self.head.load(Relaxed)
    }

    /// Entries in the ring; a moment later it may be another number.
    #[inline(always)]
    pub(crate) fn len(&self) -> u32 {
        let head = self.head.load(Acquire);
        let len = self.tail.load(Acquire).wrapping_sub(head);
        // Between the two loads the owner may have gone on.
        len.min(CAPACITY)
    }

    /// Thief, who owns `into`: takes half of the ring, rounded up; the newest of them is returned,
    /// the others are put into `into`, which has room for half a ring.
    pub(crate) fn steal_into(&self, into: &Self) -> Option<*mut T> {
        let into_tail = into.tail.load(Relaxed);
        debug_assert!(into_tail.wrapping_sub(into.head.load(Relaxed)) <= CAPACITY / 2);
        loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let len = tail.wrapping_sub(head);
            let count = len - len / 2;
            if count == 0 {
                return None;
            }
            if count > CAPACITY / 2 {
                continue; // head and tail were read at different times
            }
            for index in 0..count {
                let entry = self.slot(head.wrapping_add(index)).load(Relaxed);
                into.slot(into_tail.wrapping_add(index)).store(entry, Relaxed);
            }
            let after = head.wrapping_add(count);
            if self.head.compare_exchange(head, after, AcqRel, Acquire).is_ok() {
                let last = count - 1;
                into.tail.store(into_tail.wrapping_add(last), Release);
                return Some(into.slot(into_tail.wrapping_add(last)).load(Relaxed));
            }
        }
    }
}

impl<T> std::fmt::Debug for RunQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunQueue")
            .field("len", &self.len())
            .field("has_next", &self.has_next())
            .finish()
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    type Queue = Arc<RunQueue<usize>>;

    /// An entry that is a number. Never followed.
    fn entry(number: usize) -> *mut usize {
        ptr::without_provenance_mut(number * 8)
    }

    fn number(entry: *mut usize) -> usize {
        entry.addr() / 8
    }

    /// Steals once, and returns what it got.
    fn thief(victim: Queue) -> Vec<usize> {
        let mine = RunQueue::new();
        let mut got: Vec<usize> = victim.steal_into(&mine).map(number).into_iter().collect();
        got.extend(std::iter::from_fn(|| mine.pop(|_| ())).map(number));
        got
    }

    fn check(total: usize, parts: impl IntoIterator<Item = Vec<usize>>) {
        let mut all: Vec<usize> = parts.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (1..=total).collect::<Vec<_>>(), "each entry comes out exactly once");
    }

    /// It fails if the one that pops reads the tail before the head: the owner may have gone past it.
    #[test]
    fn owner_pushes_and_pops_while_another_pops_one() {
        loom::model(|| {
            let queue = Queue::new(RunQueue::new());
            queue.push(entry(1), |_| unreachable!("there is room"));
            let other = thread::spawn({
                let queue = queue.clone();
                move || queue.pop(|_| ()).map(number).into_iter().collect::<Vec<_>>()
            });
            let mut got = Vec::new();
            queue.push(entry(2), |_| unreachable!("there is room"));
            got.extend(queue.pop(|_| ()).map(number));
            got.extend(queue.pop(|_| ()).map(number));
            queue.push(entry(3), |_| unreachable!("there is room"));
            let theirs = other.join().unwrap();
            got.extend(std::iter::from_fn(|| queue.pop(|_| ())).map(number));
            check(3, [got, theirs]);
        });
    }

    #[test]
    fn owner_pushes_and_pops_while_others_steal() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let queue = Queue::new(RunQueue::new());
            let thieves = [0, 1].map(|_| {
                let queue = queue.clone();
                thread::spawn(move || thief(queue))
            });
            let mut mine = Vec::new();
            for number in 1..=3 {
                queue.push(entry(number), |_| unreachable!("there is room for four"));
                if number == 2 {
                    mine.extend(queue.pop(|_| ()).map(super::tests::number));
                }
            }
            let mut parts = thieves.map(|thief| thief.join().unwrap()).to_vec();
            mine.extend(std::iter::from_fn(|| queue.pop(|_| ())).map(super::tests::number));
            parts.push(mine);
            check(3, parts);
        });
    }

    #[test]
    fn a_full_ring_spills_while_another_steals() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let queue = Queue::new(RunQueue::new());
            let mut mine = Vec::new();
            for number in 1..=4 {
                queue.push(entry(number), |_| unreachable!("there is room for four"));
            }
            let other = thread::spawn({
                let queue = queue.clone();
                move || thief(queue)
            });
            for number in 5..=6 {
                queue.push(entry(number), |batch| {
                    mine.extend(batch.iter().map(|&entry| super::tests::number(entry)));
                });
            }
            let stolen = other.join().unwrap();
            mine.extend(std::iter::from_fn(|| queue.pop(|_| ())).map(super::tests::number));
            check(6, [mine, stolen]);
        });
    }

    /// It fails if the thief takes a head and a tail for a length that were not there at the same time: there seems to be more than
    /// it has room for, and what it has of its own is overwritten.
    #[test]
    fn a_thief_that_has_some_of_its_own() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let queue = Queue::new(RunQueue::new());
            for number in 1..=4 {
                queue.push(entry(number), |_| unreachable!("there is room for four"));
            }
            let thief = thread::spawn({
                let queue = queue.clone();
                move || {
                    let mine = RunQueue::new();
                    for number in 6..=7 {
                        mine.push(entry(number), |_| unreachable!("it is empty"));
                    }
                    let stolen = queue.steal_into(&mine);
                    let rest = std::iter::from_fn(|| mine.pop(|_| ()));
                    stolen.into_iter().chain(rest).map(number).collect::<Vec<_>>()
                }
            });
            let mut got: Vec<usize> = queue.pop(|_| ()).map(number).into_iter().collect();
            queue.push(entry(5), |_| unreachable!("one has been taken"));
            let stolen = thief.join().unwrap();
            got.extend(std::iter::from_fn(|| queue.pop(|_| ())).map(number));
            check(7, [got, stolen]);
        });
    }

    #[test]
    fn next_is_taken_once() {
        loom::model(|| {
            let queue = Queue::new(RunQueue::new());
            let thief = thread::spawn({
                let queue = queue.clone();
                move || queue.take_next().map(number).into_iter().collect::<Vec<_>>()
            });
            let mut mine = Vec::new();
            mine.extend(queue.set_next(entry(1)).map(number));
            mine.extend(queue.set_next(entry(2)).map(number));
            mine.extend(queue.take_next().map(number));
            check(2, [mine, thief.join().unwrap()]);
        });
    }
}
