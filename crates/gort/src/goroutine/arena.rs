//! Where records come from: chunks that are never given back while the runtime lives.
//!
//! Processors keep magazines (linked lists of up to [`MAGAZINE`] vacant records) and trade whole
//! magazines with the arena, so that the lock is taken once in 64 spawns and nothing is walked.
//! Fresh records are cut off the newest chunk one magazine at a time: memory that has not been
//! needed yet is not touched.

use super::{Goroutine, GoroutineRef};
use crate::prim::Lock;
use crate::sched::Shared;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Records in a full magazine.
pub(crate) const MAGAZINE: usize = 64;
/// Records in a chunk of 64 KiB.
const CHUNK: usize = 512;

/// A linked list of vacant records.
#[derive(Clone, Copy, Default)]
pub(crate) struct Magazine {
    head: Option<GoroutineRef>,
    len: usize,
}

impl Magazine {
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<GoroutineRef> {
        let record = self.head?;
        self.head = record.link.take();
        self.len -= 1;
        Some(record)
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, record: GoroutineRef) {
        record.link.set(self.head);
        self.head = Some(record);
        self.len += 1;
    }

    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.len >= MAGAZINE
    }
}

/// A processor's stock: one magazine in use and one in reserve, so that a processor that frees and
/// takes in turns does not trade a magazine each time.
#[derive(Default)]
pub(crate) struct Stock {
    current: Magazine,
    reserve: Magazine,
}

impl Stock {
    #[inline(always)]
    pub(crate) fn take(&mut self, arena: &Arena) -> Option<GoroutineRef> {
        match self.current.pop() {
            Some(record) => Some(record),
            None => self.refill(arena),
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, arena: &Arena) -> Option<GoroutineRef> {
        self.current = if self.reserve.len > 0 {
            std::mem::take(&mut self.reserve)
        } else {
            arena.take_magazine()?
        };
        self.current.pop()
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, arena: &Arena, record: GoroutineRef) {
        if self.current.is_full() {
            let full = std::mem::replace(&mut self.reserve, std::mem::take(&mut self.current));
            if full.len > 0 {
                arena.put_magazine(full);
            }
        }
        self.current.push(record);
    }
}

pub(crate) struct Arena {
    state: Lock<ArenaState>,
    shared: NonNull<Shared>,
    /// The runtime's own: no other in this process has had it.
    pub(crate) number: u64,
}

// SAFETY: the records are handed out by value under the lock.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

#[derive(Default)]
struct ArenaState {
    magazines: Vec<Magazine>,
    chunks: Vec<NonNull<Goroutine>>,
    /// Records of the newest chunk that have been made.
    made: usize,
}

impl Arena {
    /// `shared` is the runtime that the records belong to, which owns the arena.
    pub(crate) fn new(shared: NonNull<Shared>) -> Arena {
        static ARENAS: AtomicU64 = AtomicU64::new(0);
        let number = ARENAS.fetch_add(1, Relaxed);
        Arena { state: Lock::new(ArenaState::default()), shared, number }
    }

    /// `None`: out of memory.
    fn take_magazine(&self) -> Option<Magazine> {
        let mut state = self.state.lock();
        if let Some(magazine) = state.magazines.pop() {
            return Some(magazine);
        }
        if state.chunks.is_empty() || state.made == CHUNK {
            let layout = Self::chunk_layout();
            // SAFETY: the layout is not empty.
            let chunk = NonNull::new(unsafe { alloc(layout) })?.cast::<Goroutine>();
            state.chunks.push(chunk);
            state.made = 0;
        }
        let chunk = *state.chunks.last().expect("there is a chunk");
        let mut magazine = Magazine::default();
        for index in state.made..state.made + MAGAZINE {
            // SAFETY: a chunk has CHUNK records, of which `made`, a multiple of MAGAZINE, are used.
            let record = unsafe { chunk.add(index) };
            // SAFETY: the record is inside the chunk, aligned, and nobody's yet.
            unsafe { record.write(Goroutine::vacant(self.shared)) };
            magazine.push(GoroutineRef::from_raw(record));
        }
        state.made += MAGAZINE;
        Some(magazine)
    }

    fn put_magazine(&self, magazine: Magazine) {
        self.state.lock().magazines.push(magazine);
    }

    /// For a caller without a processor.
    pub(crate) fn take_one(&self) -> Option<GoroutineRef> {
        let mut magazine = self.take_magazine()?;
        let record = magazine.pop();
        if magazine.len > 0 {
            self.put_magazine(magazine);
        }
        record
    }

    /// For a caller without a processor.
    pub(crate) fn put_one(&self, record: GoroutineRef) {
        let mut state = self.state.lock();
        match state.magazines.last_mut() {
            Some(magazine) if !magazine.is_full() => magazine.push(record),
            _ => {
                let mut magazine = Magazine::default();
                magazine.push(record);
                state.magazines.push(magazine);
            }
        }
    }

    /// Calls `f` with every record that was ever made, vacant or not.
    pub(crate) fn for_each(&self, mut f: impl FnMut(GoroutineRef)) {
        let (chunks, made) = {
            let state = self.state.lock();
            (state.chunks.clone(), state.made)
        };
        let full = chunks.len().saturating_sub(1);
        for (number, chunk) in chunks.iter().enumerate() {
            for index in 0..if number < full { CHUNK } else { made } {
                // SAFETY: the first `made` records of the last chunk and all of the others are made.
                f(GoroutineRef::from_raw(unsafe { chunk.add(index) }));
            }
        }
    }

    fn chunk_layout() -> Layout {
        Layout::array::<Goroutine>(CHUNK).expect("64 KiB")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let state = self.state.lock();
        for chunk in &state.chunks {
            // SAFETY: allocated with this layout, and the runtime that used it is gone.
            unsafe { dealloc(chunk.as_ptr().cast(), Self::chunk_layout()) };
        }
    }
}
