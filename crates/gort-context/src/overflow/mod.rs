//! What happens when a stack is used up.
//!
//! The guard below the stack faults. [`install`] sets up a handler that tells such a fault from all others, says
//! on standard error which stack it was, shows a backtrace, and aborts the process. Other faults go to the
//! handler that was there before. The handler needs room to run in: each thread that switches to contexts
//! holds an [`AltStack`].
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use gort_context::overflow::{self, AltStack, Overflow};
//! use std::fmt::Write;
//!
//! fn report(overflow: &Overflow) {
//!     // In here nothing may allocate or take a lock.
//!     let _ = writeln!(overflow.writer(), "it was a stack of {} bytes", overflow.size());
//! }
//!
//! overflow::install(report)?;
//! let _on_this_thread = AltStack::new()?;
//! // ... switch to contexts ...
//! # Ok(()) }
//! ```
//!
//! # What it can be relied on for
//! * Every frame of Rust's touches the stack page by page, so a Rust function of any frame size hits the
//!   guard. C code is compiled without such probes as a rule: a C function with a frame larger than the guard
//!   may jump over it, into the next stack. That is why a guard is not one page but 16 KiB where the stack is
//!   large enough for it, and settable; see [`Options::guard_len`](crate::Options::guard_len).
//! * The report does not depend on the heap. The backtrace does; if the overflow happened inside the
//!   allocator, under its lock, the backtrace cannot be made. A watchdog then aborts the process after five
//!   seconds.

#[cfg_attr(
    all(windows, feature = "threads"),
    allow(dead_code, reason = "nobody calls it where threads are behind the contexts")
)]
mod last_words;
pub(crate) mod registry;
#[cfg(unix)]
#[path = "unix/mod.rs"]
mod sys;
#[cfg(windows)]
#[cfg_attr(feature = "threads", allow(dead_code, reason = "as above"))]
#[path = "windows/mod.rs"]
mod sys;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

pub use sys::AltStack;

/// A stack that has been used up, for the report about it.
#[derive(Debug)]
pub struct Overflow {
    address: usize,
    stack: Range<usize>,
    size: usize,
}

impl Overflow {
    /// The address that was touched; it lies in the guard. On Windows it may lie just above.
    pub fn address(&self) -> usize {
        self.address
    }

    /// The addresses of the stack, without its guard.
    pub fn stack(&self) -> Range<usize> {
        self.stack.clone()
    }

    /// The size of the stack, as [`Stack::size`](crate::Stack::size) gives it.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Writes to standard error, straight through the system call.
    pub fn writer(&self) -> Stderr {
        Stderr
    }
}

/// Standard error without a buffer, a lock or an allocation; for signal handlers.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

impl fmt::Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut left = text.as_bytes();
        while !left.is_empty() {
            match sys::write(left) {
                0 => return Err(fmt::Error),
                written => left = &left[written..],
            }
        }
        Ok(())
    }
}

/// Installs the handler, once per process; called again it only replaces `report`.
///
/// `report` is called on the thread that overflowed its stack, inside the signal handler, after the line that
/// says that a stack overflowed and before the backtrace. It may call what is async-signal-safe and nothing
/// else: no allocation, no locks, no `println!`. [`carried`](crate::carried) may be read.
///
/// # Errors
/// When the system refuses the handler or its memory.
pub fn install(report: fn(&Overflow)) -> io::Result<()> {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    last_words::prepare(report)?;
    if !*done {
        sys::install()?;
        *done = true;
    }
    Ok(())
}
