//! How much memory there is in use, for all that a client can make the server keep: values, requests that are
//! not complete, replies that are not read. One limit over all of it needs one count.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static COUNTED: Counted = Counted { used: AtomicUsize::new(0) };
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The system's allocator, and how many bytes it has handed out.
struct Counted {
    used: AtomicUsize,
}

/// What a block of so many bytes takes where glibc is the allocator: a word more, a multiple of 16, and 32 at least. Most that
/// is stored is small.
fn chunk(size: usize) -> usize {
    (size.saturating_add(8 + 15) & !15).max(32)
}

/// Bytes that are allocated, but for the stacks of goroutines.
pub(crate) fn used() -> usize {
    COUNTED.used.load(Relaxed)
}

pub(crate) fn limit(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
}

/// Whether so much is in use that nothing more is to be stored.
pub(crate) fn is_full() -> bool {
    used() > LIMIT.load(Relaxed)
}

/// Whether a buffer may grow by so many bytes. Buffers get a quarter more than what is stored, so that
/// a full store can be read, and made emptier.
pub(crate) fn has_room(bytes: usize) -> bool {
    let limit = LIMIT.load(Relaxed);
    used().saturating_add(bytes) <= limit.saturating_add(limit / 4)
}

// SAFETY: all is done by the system's allocator, with what came from the caller. The count is no part of it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.used.fetch_add(chunk(layout.size()), Relaxed);
        // SAFETY: the caller's promise about the layout is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.used.fetch_add(chunk(layout.size()), Relaxed);
        // SAFETY: the caller's promise about the layout is the one asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.used.fetch_sub(chunk(layout.size()), Relaxed);
        // SAFETY: the block came from the system's allocator, with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.used.fetch_add(chunk(size), Relaxed);
        self.used.fetch_sub(chunk(layout.size()), Relaxed);
        // SAFETY: the block came from the system's allocator, with this layout; the size is the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}
