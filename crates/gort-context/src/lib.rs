//! Stacks, and the switch between them.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use gort_context::{Context, StackPool, discard, init, switch};
//!
//! struct Pair {
//!     main: Context,
//!     other: Context,
//! }
//!
//! unsafe extern "C-unwind" fn count(word: *mut ()) -> ! {
//!     let pair = word.cast::<Pair>();
//!     let mut n = 0;
//!     loop {
//!         n += 1;
//!         let value = std::ptr::without_provenance_mut(n);
//!         unsafe { switch(&raw mut (*pair).other, (*pair).main, value) };
//!     }
//! }
//!
//! let pool = StackPool::new(64 << 10)?;
//! let stack = pool.take()?;
//! let other = unsafe { init(&stack, count)? };
//! let mut pair = Pair { main: Context::DANGLING, other };
//! let word = (&raw mut pair).cast::<()>();
//! let pair = word.cast::<Pair>();
//! for n in 1..=3 {
//!     let value = unsafe { switch(&raw mut (*pair).main, (*pair).other, word) };
//!     assert_eq!(value.addr(), n);
//! }
//! unsafe { discard((*pair).other) };
//! # Ok(()) }
//! ```

#![cfg_attr(
    feature = "threads",
    allow(
        clippy::disallowed_macros,
        reason = "`arch/threads` keeps the flow of a thread with the thread; clippy takes no narrower attribute"
    )
)]

mod arch;
pub mod overflow;
pub mod stack;
mod switch;

pub use stack::{Guard, Options, Stack, StackPool};
pub use switch::{
    Context, Entry, carried, control, discard, init, on_context, on_stack, pass_discard, switch,
};
