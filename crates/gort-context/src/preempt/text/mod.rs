//! Where the code lies that may be interrupted: the text of the program or library that this crate is linked into.

#[cfg(unix)]
#[path = "unix.rs"]
mod sys;
#[cfg(windows)]
#[path = "windows.rs"]
mod sys;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// From, to; written before anybody is interrupted.
static TEXT: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Finds the segment that `within` lies in.
pub(super) fn find(within: usize) {
    let text = sys::segment_around(within);
    TEXT[0].store(text.start, SeqCst);
    TEXT[1].store(text.end, SeqCst);
}

/// Empty before it has been found. Async-signal-safe.
pub(super) fn range() -> Range<usize> {
    TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed)
}
