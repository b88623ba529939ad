//! Stacks: address space that the kernel fills page by page, with a guard below it.
//!
//! ```text
//!   0x7f00_0004_0000   end of the slot
//!   0x7f00_0003_fe00   colour: 0 to 1 KiB, so that not all tops fall into the same cache sets
//!   0x7f00_0003_fde0   Header   <── a `Stack` is a pointer to this; also the top: frames begin just below
//!                      ...      frames, growing down; a page takes up memory once it is touched
//!   0x7f00_0001_0000   limit    the lowest usable byte
//!   0x7f00_0000_0000   guard    faults when touched
//! ```
//!
//! The header lies in the page that the first frame touches anyway, so it takes up no memory of its own.

mod pool;
#[cfg(unix)]
#[path = "unix.rs"]
mod sys;
#[cfg(windows)]
#[path = "windows.rs"]
mod sys;

use std::fmt;
use std::mem::{ManuallyDrop, size_of};
use std::ops::Range;
use std::ptr::NonNull;

use pool::Shared;
pub use pool::{Guard, Options, StackPool};

/// What a stack's owner and its pool know about it.
#[repr(C, align(32))]
struct Header {
    /// The next free stack, while this one lies in its pool's list.
    next: Option<NonNull<Header>>,
    pool: NonNull<Shared>,
    /// The lowest address of the slot: where the guard begins.
    slot: *mut u8,
    /// How often `used_deep` was asked since it last asked the kernel.
    asked: u32,
}

const _: () =
    assert!(size_of::<Header>() == 32, "the header shares the first page with the first frames");

/// A stack, owned. Dropping it gives it back to the pool it came from.
///
/// One word in size. It may be sent to other threads, and it keeps its memory alive also when the [`StackPool`] is
/// dropped before it.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = gort_context::StackPool::new(256 << 10)?;
/// let stack = pool.take()?;
/// assert_eq!(stack.size(), 256 << 10);
/// assert!(stack.guard().end == stack.limit() as usize);
/// assert!(stack.usable() > 128 << 10);
/// # Ok(()) }
/// ```
#[repr(transparent)]
pub struct Stack(NonNull<Header>);

// SAFETY: a stack is memory and nothing else; the header is only changed by whoever owns the stack.
unsafe impl Send for Stack {}
// SAFETY: what `&Stack` offers only reads header fields that do not change while the stack is out of its pool.
unsafe impl Sync for Stack {}

impl Stack {
    fn header(&self) -> &Header {
        // SAFETY: the header was written when the stack was first taken, and stays until its slab is unmapped, which
        // is after this handle is gone.
        unsafe { self.0.as_ref() }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the pool's shared part lives until the last of its stacks has come back.
        unsafe { self.header().pool.as_ref() }
    }

    /// The highest address: the first frame lies just below. A multiple of 16.
    #[inline]
    pub fn top(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    /// The lowest usable address.
    pub fn limit(&self) -> *mut u8 {
        self.header().slot.wrapping_add(self.shared().guard_len())
    }

    /// The address space that the stack takes up, its guard included: the size asked for, rounded up.
    pub fn size(&self) -> usize {
        self.shared().slot_size()
    }

    /// The bytes between [`limit`](Self::limit) and [`top`](Self::top).
    pub fn usable(&self) -> usize {
        self.top().addr() - self.limit().addr()
    }

    /// The addresses that fault when touched, directly below the limit.
    pub fn guard(&self) -> Range<usize> {
        self.header().slot.addr()..self.limit().addr()
    }

    /// Turns the handle into a pointer, to be kept where a `Stack` cannot be. Undone by [`from_raw`](Self::from_raw).
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// Makes a handle of the pointer again.
    ///
    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and no other handle has been made of it since.
    pub unsafe fn from_raw(raw: NonNull<()>) -> Stack {
        Stack(raw.cast())
    }

    fn into_header(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let pool = self.header().pool;
        // SAFETY: the handle is going away, so the pool is the only owner of the stack from here on.
        unsafe { Shared::put_back(pool, [self.0]) };
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("limit", &self.limit()).field("top", &self.top()).finish()
    }
}
