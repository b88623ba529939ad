//! Which addresses are stacks of ours, and guards: asked by a signal handler, so without locks.
//!
//! A list of entries that only ever grows; an entry whose slab is gone is used again. Each entry is a
//! sequence lock: its version is odd while it is valid, and a reader that sees another version after reading
//! than before reads nothing.

use std::ops::Range;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};

/// How the memory of a slab is cut up: `len` bytes from `base`, every `slot` bytes a stack, the lowest
/// `guard` bytes of each its guard. `pool` is whose slab it is: a number, which pools that are there at the same time do not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) base: usize,
    pub(crate) len: usize,
    pub(crate) slot: usize,
    pub(crate) guard: usize,
    pub(crate) pool: usize,
}

impl Layout {
    /// The guard and the whole slot of the stack that `address` lies in.
    fn slot_at(&self, address: usize) -> Option<(Range<usize>, Range<usize>)> {
        let offset = address.checked_sub(self.base).filter(|&offset| offset < self.len)?;
        let start = self.base + offset / self.slot * self.slot;
        Some((start..start + self.guard, start..start + self.slot))
    }
}

/// The guard and the whole slot of the stack that `address` lies in. Async-signal-safe.
pub(crate) fn slot_at(address: usize) -> Option<(Range<usize>, Range<usize>)> {
    entries().filter_map(Entry::read).find_map(|layout| layout.slot_at(address))
}

/// The same, if it lies in the guard.
#[cfg_attr(all(windows, feature = "threads"), allow(dead_code, reason = "nobody is asked there"))]
pub(crate) fn find(address: usize) -> Option<(Range<usize>, Range<usize>)> {
    slot_at(address).filter(|(guard, _)| guard.contains(&address))
}

/// The usable part of the stack that `address` lies in.
#[allow(dead_code, reason = "not every architecture has a use for it")]
pub(crate) fn stack_at(address: usize) -> Option<Range<usize>> {
    usable(slot_at(address)?, address)
}

/// The same, if it is one of that pool's.
pub(crate) fn stack_of(pool: usize, address: usize) -> Option<Range<usize>> {
    let mut slabs = entries().filter_map(Entry::read).filter(|layout| layout.pool == pool);
    usable(slabs.find_map(|layout| layout.slot_at(address))?, address)
}

fn usable((guard, slot): (Range<usize>, Range<usize>), address: usize) -> Option<Range<usize>> {
    Some(guard.end..slot.end).filter(|usable| usable.contains(&address))
}

struct Entry {
    version: AtomicUsize,
    base: AtomicUsize,
    len: AtomicUsize,
    slot: AtomicUsize,
    guard: AtomicUsize,
    pool: AtomicUsize,
}

const PER_CHUNK: usize = 32;

struct Chunk {
    entries: [Entry; PER_CHUNK],
    next: AtomicPtr<Chunk>,
}

impl Entry {
    const fn new() -> Entry {
        Entry {
            version: AtomicUsize::new(0),
            base: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            slot: AtomicUsize::new(0),
            guard: AtomicUsize::new(0),
            pool: AtomicUsize::new(0),
        }
    }

    fn read(&self) -> Option<Layout> {
        let version = self.version.load(Ordering::Acquire);
        let layout = Layout {
            base: self.base.load(Ordering::Relaxed),
            len: self.len.load(Ordering::Relaxed),
            slot: self.slot.load(Ordering::Relaxed),
            guard: self.guard.load(Ordering::Relaxed),
            pool: self.pool.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        (version % 2 == 1 && self.version.load(Ordering::Relaxed) == version).then_some(layout)
    }

    /// By one writer at a time, on an entry that is not valid.
    fn write(&self, layout: Layout) {
        let version = self.version.load(Ordering::Relaxed);
        // Whoever sees one of the stores below sees that the entry is not valid.
        fence(Ordering::Release);
        self.base.store(layout.base, Ordering::Relaxed);
        self.len.store(layout.len, Ordering::Relaxed);
        self.slot.store(layout.slot, Ordering::Relaxed);
        self.guard.store(layout.guard, Ordering::Relaxed);
        self.pool.store(layout.pool, Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Release);
    }
}

impl Chunk {
    const fn new() -> Chunk {
        Chunk { entries: [const { Entry::new() }; PER_CHUNK], next: AtomicPtr::new(null_mut()) }
    }
}

static FIRST: Chunk = Chunk::new();
static WRITER: Mutex<()> = Mutex::new(());

fn chunks() -> impl Iterator<Item = &'static Chunk> {
    std::iter::successors(Some(&FIRST), |chunk| {
        // SAFETY: null, or a chunk that was leaked below.
        unsafe { chunk.next.load(Ordering::Acquire).as_ref() }
    })
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    chunks().flat_map(|chunk| &chunk.entries)
}

/// A slab's entry in the list, until it is dropped.
pub(crate) struct Registered(&'static Entry);

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.read().fmt(f)
    }
}

pub(crate) fn register(layout: Layout) -> Registered {
    let writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let unused = entries().find(|entry| entry.version.load(Ordering::Relaxed).is_multiple_of(2));
    let entry = unused.unwrap_or_else(|| {
        let chunk: &'static Chunk = Box::leak(Box::new(Chunk::new()));
        let last = chunks().last().expect("there is always the first");
        last.next.store(std::ptr::from_ref(chunk).cast_mut(), Ordering::Release);
        &chunk.entries[0]
    });
    entry.write(layout);
    drop(writer);
    Registered(entry)
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.version.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_are_found_and_forgotten() {
        // Addresses that no mapping has.
        let base = 1 << 60;
        let layout = |n: usize| Layout {
            base: base + n * 0x100_0000,
            len: 0x10_0000,
            slot: 0x4_0000,
            guard: 0x1000,
            pool: n,
        };
        // More than a chunk holds.
        let held: Vec<_> = (0..100).map(|n| register(layout(n))).collect();
        for n in 0..100 {
            let at = base + n * 0x100_0000 + 0x4_0000;
            let (guard, slot) = find(at).unwrap();
            assert_eq!((guard, slot), (at..at + 0x1000, at..at + 0x4_0000));
            assert!(find(at + 0xFFF).is_some());
            assert_eq!(find(at + 0x1000), None);
            assert_eq!(find(at - 1), None);
            assert_eq!(stack_of(n, at + 0x1000), Some(at + 0x1000..at + 0x4_0000));
            assert_eq!(stack_of(n, at), None, "the guard");
            assert_eq!(stack_of(n + 1, at + 0x1000), None, "of another");
        }
        drop(held);
        assert_eq!(find(base), None);
        let again = register(layout(0));
        assert!(find(base).is_some());
        drop(again);
        assert_eq!(find(base), None);
    }
}
