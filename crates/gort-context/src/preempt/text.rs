//! Where the code lies that may be interrupted: the text of the program or library that this crate is linked into.

use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// From, to; written before any signal is sent.
static TEXT: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Finds the segment that `within` lies in.
pub(super) fn find(within: usize) {
    let mut within = within;
    // SAFETY: the callback is what the call asks for, and gets an address as its data.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut within).cast()) };
}

/// Empty before it has been found. Async-signal-safe.
pub(super) fn range() -> Range<usize> {
    TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed)
}

/// Called for the program and for each library.
unsafe extern "C" fn note(
    part: *mut libc::dl_phdr_info,
    _size: usize,
    within: *mut c_void,
) -> libc::c_int {
    // SAFETY: passed above.
    let within = unsafe { within.cast::<usize>().read() };
    // SAFETY: the system passes a valid structure.
    let part = unsafe { &*part };
    // SAFETY: the structure says how many there are.
    let headers =
        unsafe { std::slice::from_raw_parts(part.dlpi_phdr, usize::from(part.dlpi_phnum)) };
    for header in headers {
        let start = (part.dlpi_addr + header.p_vaddr) as usize;
        let text = start..start + header.p_memsz as usize;
        if header.p_type == libc::PT_LOAD && text.contains(&within) {
            TEXT[0].store(text.start, SeqCst);
            TEXT[1].store(text.end, SeqCst);
            return 1;
        }
    }
    0
}
