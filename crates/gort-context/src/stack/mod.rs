//! Stacks: address space that the kernel fills page by page, with a guard below it.
//!
//! ```text
//!   0x7f00_0004_0000   end of the slot
//!   0x7f00_0003_fe00   colour: 0 to 1 KiB, so that not all tops fall into the same cache sets
//!   0x7f00_0003_fde0   Header   <── a `Stack` is a pointer to this; also the top: frames begin just below
//!                      ...      frames, growing down; a page takes up memory once it is touched
//!   0x7f00_0000_4000   limit    the lowest usable byte
//!   0x7f00_0000_0000   guard    faults when touched
//! ```
//!
//! The header lies in the page that the first frame touches anyway, so it takes up no memory of its own.

mod free;
mod options;
mod pointers;
mod pool;
mod slab;
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

pub use options::{Guard, Options};
pub use pointers::{Addresses, points_into};
use pool::Shared;
pub use pool::StackPool;

#[cfg(windows)]
pub(crate) use sys::FOR_THE_HANDLER;
#[cfg(all(windows, not(feature = "threads")))]
pub(crate) use sys::{are_used, pages_at};

use crate::arch;
use crate::switch::Context;

/// What a stack's owner and its pool know about it.
///
/// Aligned so that its address, the top, is too.
#[repr(C, align(32))]
struct Header {
    pool: NonNull<Shared>,
    /// The lowest address of the slot: where the guard begins.
    slot: *mut u8,
}

const _: () =
    assert!(size_of::<Header>() == 32, "the header shares the first page with the first frames");

/// A stack, owned. Dropping it gives it back to the pool it came from.
///
/// One word in size. It may be sent to other threads, and it keeps its memory alive also when the
/// [`StackPool`] is dropped before it.
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
// SAFETY: what `&Stack` offers only reads header fields that do not change while the stack is out of its
// pool.
unsafe impl Sync for Stack {}

impl Stack {
    fn header(&self) -> &Header {
        // SAFETY: the header was written when the stack was first taken, and stays until its slab is
        // unmapped, which is after this handle is gone.
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

    /// The lowest usable address. On Windows, what lies below the frames is usable to frames alone, as they
    /// get there: to touch it from elsewhere is an access violation.
    pub fn limit(&self) -> *mut u8 {
        self.header().slot.wrapping_add(self.shared().shape.guard_len)
    }

    /// The address space that the stack takes up, its guard included: the size asked for, rounded up.
    pub fn size(&self) -> usize {
        self.shared().shape.slot
    }

    /// The bytes between [`limit`](Self::limit) and [`top`](Self::top).
    pub fn usable(&self) -> usize {
        self.top().addr() - self.limit().addr()
    }

    /// The addresses that fault when touched, directly below the limit.
    pub fn guard(&self) -> Range<usize> {
        self.header().slot.addr()..self.limit().addr()
    }

    /// Whether the stack has, as far as can be told, been used further down than `threshold` bytes since it
    /// was new or last trimmed.
    ///
    /// On Unix this asks no kernel and touches no fresh page: for a stack that was not used deep it reads two
    /// cache lines of its first page, which takes 2 ns if they are at hand. The kernel's pages come as zeros, so
    /// a stack that has grown through a page has left something else in the lowest words of it, unless a frame
    /// lay across them that never wrote there. A wrong "no" is possible then, and only means that memory is held
    /// until the next [`StackPool::trim`]. Windows knows, and is asked.
    pub fn used_deep(&mut self, threshold: usize) -> bool {
        // SAFETY: the exclusive borrow says that nothing runs here.
        unsafe { sys::used_deep(self.limit(), self.top(), self.page(), threshold) }
    }

    /// Gives all the memory of the stack but its first page back to the system. It must not be in use.
    ///
    /// Takes 1 to 2 µs. [`StackPool::trim`] does it for many, in half the time each.
    pub fn trim(&mut self) {
        let end = self.forget_depth();
        let range = sys::Range::new(self.limit(), end.addr() - self.limit().addr());
        // SAFETY: the exclusive borrow says that nothing runs here, and nothing that has run is needed any
        // more.
        unsafe { sys::give_back(&[range]) };
    }

    /// Gives the memory below a suspended context back to the system: what it used when it was deeper in.
    ///
    /// # Safety
    /// `ctx` is suspended on this stack, and nobody resumes it meanwhile.
    pub unsafe fn trim_below(&self, ctx: Context) {
        let Some(sp) = arch::lowest_used(ctx) else { return };
        let limit = self.limit();
        debug_assert!(sp > limit && sp < self.top());
        let end = sp.map_addr(|sp| sp & !(self.page() - 1));
        if end > limit {
            // SAFETY: all that a suspended context needs lies above.
            unsafe { sys::give_back(&[sys::Range::new(limit, end.addr() - limit.addr())]) };
            // SAFETY: the caller's promise.
            unsafe { arch::note_trimmed(ctx, self) };
        }
    }

    /// The lowest address that memory is committed for: what Windows calls the stack's limit.
    #[cfg(all(windows, not(feature = "threads")))]
    pub(crate) fn committed(&self) -> *mut u8 {
        sys::committed(self.limit(), self.top())
    }

    /// The lowest address, that of the guard.
    #[cfg(all(windows, not(feature = "threads")))]
    pub(crate) fn lowest(&self) -> *mut u8 {
        self.header().slot
    }

    fn page(&self) -> usize {
        self.shared().shape.page
    }

    fn first_page(&self) -> *mut u8 {
        self.top().map_addr(|top| (top - 1) & !(self.page() - 1))
    }

    /// Makes the first page look as if nothing had gone below it, and gives its address.
    fn forget_depth(&mut self) -> *mut u8 {
        let page = self.first_page();
        // SAFETY: the first page, which nothing runs on; the header is further up.
        unsafe { sys::forget_depth(page) };
        page
    }

    /// Turns the handle into a pointer, to be kept where a `Stack` cannot be. Undone by
    /// [`from_raw`](Self::from_raw).
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
