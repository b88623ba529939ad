//! The dynamic linker knows what is loaded, and where.

use std::ffi::c_void;
use std::ops::Range;

struct Search {
    within: usize,
    found: Range<usize>,
}

/// The segment that `within` lies in; empty if there is none.
pub(super) fn segment_around(within: usize) -> Range<usize> {
    let mut search = Search { within, found: 0..0 };
    // SAFETY: the callback is what the call asks for, and gets the search as its data.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found
}

/// Called for the program and for each library.
unsafe extern "C" fn look(
    part: *mut libc::dl_phdr_info,
    _size: usize,
    search: *mut c_void,
) -> libc::c_int {
    // SAFETY: passed above, and nobody else has it meanwhile.
    let search = unsafe { &mut *search.cast::<Search>() };
    // SAFETY: the system passes a valid structure.
    let part = unsafe { &*part };
    // SAFETY: the structure says how many there are.
    let headers =
        unsafe { std::slice::from_raw_parts(part.dlpi_phdr, usize::from(part.dlpi_phnum)) };
    for header in headers {
        let start = (part.dlpi_addr + header.p_vaddr) as usize;
        let segment = start..start + header.p_memsz as usize;
        if header.p_type == libc::PT_LOAD && segment.contains(&search.within) {
            search.found = segment;
            return 1;
        }
    }
    0
}
