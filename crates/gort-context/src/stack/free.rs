//! The stacks of a pool that nobody has: a list of those that came back, and what is to be known of those without memory.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;

use super::Header;
use super::options::Shape;
use super::slab::Slab;

const CACHE_LINE: usize = 64;
/// So many stacks at most are trimmed at a time; meanwhile they are not to be had.
pub(super) const TRIM_BATCH: usize = 64;
/// Nor more than take up this, unless it is one: measured, up to 1 µs for each page that goes back, so 4 ms if all were used whole.
const TRIM_BYTES: usize = 16 << 20;

/// A stack without memory: its header is still to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blank {
    pub(super) header: NonNull<Header>,
    pub(super) slot: *mut u8,
}

impl Blank {
    fn new(shape: Shape, (slot, number): (*mut u8, usize)) -> Blank {
        // Times seven, so that already a few stacks are far apart.
        let colour = number * 7 % shape.colours * CACHE_LINE;
        let header = slot.wrapping_add(shape.slot - colour - size_of::<Header>()).cast();
        Blank { header: NonNull::new(header).expect("inside a mapping"), slot }
    }
}

/// A stack that counts as out of the pool.
pub(super) enum Free {
    Used(NonNull<Header>),
    Blank(Blank),
}

/// What a pool has.
///
/// Stacks that came back are not linked through their headers: where there are many, none of these is in a cache, and who
/// followed the links would wait for memory with the lock.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Came back and may have memory below the first page. Has room for all stacks that there are, so that none that comes
    /// back has to wait for memory.
    pub(super) used: Vec<NonNull<Header>>,
    /// Came back, and have the first page only. Has room for all, too.
    pub(super) trimmed: Vec<NonNull<Header>>,
    /// Have no memory: never used, or given back.
    pub(super) blank: Vec<Blank>,
    /// Have no guard yet, either.
    pub(super) bare: Vec<Blank>,
    /// The fewest stacks with memory that lay here since [`wanted`](super::StackPool::wanted) was called last.
    pub(super) unwanted: usize,
    /// Stacks out of the pool.
    pub(super) out: usize,
    /// The `StackPool` is gone; the last stack to come back frees everything.
    pub(super) closed: bool,
    /// Stacks that there are.
    made: usize,
    /// All but the last are used up.
    slabs: Vec<Slab>,
}

// SAFETY: the free stacks it points to are owned by the list.
unsafe impl Send for List {}

impl List {
    /// The warmest there is.
    pub(super) fn pop(&mut self) -> Option<Free> {
        let used = self.used.pop().or_else(|| self.trimmed.pop()).map(Free::Used);
        let free = used.or_else(|| self.blank.pop().map(Free::Blank))?;
        self.unwanted = self.unwanted.min(self.with_memory());
        self.out += 1;
        Some(free)
    }

    pub(super) fn pop_up_to(&mut self, count: usize) -> Vec<Free> {
        std::iter::from_fn(|| self.pop()).take(count).collect()
    }

    pub(super) fn with_memory(&self) -> usize {
        self.used.len() + self.trimmed.len()
    }

    /// Takes up to `count` slots, at least one, for their guards to be put in place. `pool` is whose list this is.
    pub(super) fn claim(
        &mut self,
        shape: Shape,
        pool: usize,
        count: usize,
    ) -> io::Result<Vec<Blank>> {
        if !self.bare.is_empty() {
            return Ok(self.bare.drain(self.bare.len().saturating_sub(count)..).rev().collect());
        }
        for list in [&mut self.used, &mut self.trimmed] {
            list.try_reserve(self.made + count - list.len())?;
        }
        if self.slabs.last().is_none_or(Slab::is_used_up) {
            let slab = Slab::larger_than(self.slabs.last(), shape, pool)?;
            self.slabs.push(slab);
        }
        let slab = self.slabs.last_mut().expect("there is one now");
        let slots = slab.by_ref().take(count);
        let claimed: Vec<Blank> = slots.map(|slot| Blank::new(shape, slot)).collect();
        self.made += claimed.len();
        Ok(claimed)
    }
}

/// Takes the last ones off, a batch at most, and leaves `keep`.
pub(super) fn last_of(
    list: &mut Vec<NonNull<Header>>,
    keep: usize,
    shape: Shape,
) -> Vec<NonNull<Header>> {
    let batch = (TRIM_BYTES / shape.slot).clamp(1, TRIM_BATCH);
    let rest = list.len().saturating_sub(batch).max(keep).min(list.len());
    list.split_off(rest)
}
