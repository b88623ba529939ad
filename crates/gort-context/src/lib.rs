//! Stacks, and the switch between them: the bottom layer of gort, usable alone.
//!
//! A *context* is a suspended flow of control: a stack with frames on it, and the place where it goes on.
//! This crate makes them, switches between them in about a nanosecond and a half, and keeps their stacks. It
//! knows nothing of scheduling: who runs when, and on which thread, is up to what is built on top.
//!
//! ```
//! use gort_context::{Context, StackPool, discard, init, switch};
//!
//! /// What the two flows share: where each of them goes on.
//! struct Pair {
//!     main: Context,
//!     other: Context,
//! }
//!
//! /// Counts, one number each time it is switched to.
//! unsafe extern "C-unwind" fn count(word: *mut ()) -> ! {
//!     let pair = word.cast::<Pair>(); // what the first switch brings
//!     let mut n = 0;
//!     loop {
//!         n += 1;
//!         let value = std::ptr::without_provenance_mut(n);
//!         unsafe { switch(&raw mut (*pair).other, (*pair).main, value) };
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = StackPool::new(64 << 10)?;
//! let stack = pool.take()?;
//! let other = unsafe { init(&stack, count)? };
//! let pair = &raw mut *Box::leak(Box::new(Pair { main: Context::DANGLING, other }));
//! for n in 1..=3 {
//!     let value = unsafe { switch(&raw mut (*pair).main, (*pair).other, pair.cast()) };
//!     assert_eq!(value.addr(), n);
//! }
//! // It will not be resumed. Now its stack may go too.
//! unsafe { discard((*pair).other) };
//! # drop(unsafe { Box::from_raw(pair) });
//! # Ok(()) }
//! ```
//!
//! # The parts
//! * [`init`], [`switch()`], [`discard`]: contexts. [`on_stack`] and [`on_context`] run a closure on another
//!   stack and come back.
//! * [`StackPool`] and [`Stack`]: memory that is taken up page by page as it is used, with a guard below. A
//!   million of them take 4.6 KB each and a handful of mappings.
//! * [`carried`]: a word per thread that can be read safely in code that moves between threads.
//! * [`control`]: floating-point control words.
//! * [`prefetch`]: the frames of a flow that is about to resume, asked for ahead of time.
//! * [`preempt`]: calling a function in the middle of code that is interrupted.
//! * [`overflow`]: a report and a backtrace when a stack is used up, instead of a bare SIGSEGV.
//!
//! # What whoever switches has to know
//! * A flow may resume on another thread than it left. Nothing that was reached through thread-local storage
//!   may be held over a [`switch()`]; that includes locks that know their thread.
//! * std counts panics per thread. A flow that switches away while it unwinds from one must resume on the
//!   same thread, and until then no other flow should panic there.
//! * A panic unwinds to the first frame of its context and no further. One that gets there aborts the
//!   process.
//! * An unwinder started inside a context (`std::backtrace`, gdb's `bt`) shows its frames down to the first,
//!   and ends.
//!
//! # Targets
//! There are switches in assembly for x86-64 and AArch64 on Linux and macOS, and for x86-64 on Windows. The tests
//! run on x86-64 Linux, and on AArch64 Linux and Windows under emulators (`.ci/ports` in the repository); for macOS
//! the crate is built and not run. [`preempt`] is there on Linux, and on x86-64
//! Windows.
//!
//! With the feature `threads`, any Unix or Windows will do: each context is then an OS thread of which one at a
//! time is awake. That is thousands of times slower, and good for ThreadSanitizer and for new targets. Without
//! it, a target that has no switch is refused with a message.

// Clippy takes no narrower attribute for what is in a macro.
#![cfg_attr(
    feature = "threads",
    allow(
        clippy::disallowed_macros,
        reason = "`arch/threads` keeps the flow of a thread with the thread"
    )
)]

mod arch;
pub mod overflow;
pub mod preempt;
pub mod prefetch;
pub mod stack;
mod switch;

pub use stack::{Addresses, Guard, Options, Stack, StackPool, points_into};
pub use switch::{
    Context, Entry, carried, control, discard, init, on_context, on_stack, pass_discard, switch,
    wipe_below,
};
