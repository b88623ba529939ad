//! Memory that is about to be used, asked for ahead of time.
//!
//! Where there are more flows than fit into the cache, each that resumes waits for its frames, one line after the
//! other as it gets to them. Who knows which flow comes next can ask for all of them while another still runs.
//! These are hints: they change nothing that a program could see, whatever the address. With the feature `threads` they
//! are nothing at all.
//!
//! ```
//! use gort_context::{Context, prefetch};
//!
//! /// A flow that is off its CPU.
//! struct Flow {
//!     context: Context,
//! }
//!
//! /// Its turn comes after the one that runs now.
//! fn is_next(flow: &Flow) {
//!     // SAFETY: the slot is in the flow.
//!     unsafe { prefetch::behind(&flow.context, 8) };
//! }
//!
//! is_next(&Flow { context: Context::DANGLING }); // no address does any harm
//! prefetch::lines::<u64>(std::ptr::null(), 1);
//! ```

use crate::arch::prefetch;

/// Bytes that are fetched at a time.
const LINE: usize = 64;

/// Asks for `count` lines of memory, from the one on that `address` is in.
#[inline(always)]
pub fn lines<T>(address: *const T, count: usize) {
    for index in 0..count {
        prefetch::line(address.cast::<()>().wrapping_byte_add(index * LINE));
    }
}

/// Asks for the first [`lines`] of what the pointer in `slot` leads to. Of a [`Context`](crate::Context) these are the frames that its
/// flow will need first.
///
/// It does not matter whether it leads to anything.
///
/// # Safety
/// There is memory at `slot`. Others may write to it meanwhile: it is read in assembly, as hardware reads a word.
#[inline(always)]
pub unsafe fn behind<T>(slot: *const T, count: usize) {
    // SAFETY: by this function's contract.
    lines(unsafe { prefetch::word_at(slot.cast()) }, count);
}
