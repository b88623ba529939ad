//! Where the thread-local storage of a thread lies.

use std::ops::Range;

/// Where the calling thread has its thread-local storage: that of the program and of the libraries that were loaded with it,
/// and that of the library which this is in. Others that were loaded later have theirs elsewhere; it is not seen. Nor is the
/// C library's, where it is a library of its own: no `thread_local!` is there, and its calls leave pointers to it on stacks.
pub(crate) fn thread_local_storage() -> Range<usize> {
    struct Found {
        all: Range<usize>,
        /// By which the C library is known.
        errno: usize,
    }

    /// Called for each part of the program, which itself comes first, without a name.
    unsafe extern "C" fn add(
        part: *mut libc::dl_phdr_info,
        _size: usize,
        found: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the system passes a valid structure.
        let part = unsafe { &*part };
        // SAFETY: passed below, and nobody else has it meanwhile.
        let found = unsafe { &mut *found.cast::<Found>() };
        // SAFETY: the structure's name is a string, or there is none.
        let is_library = !part.dlpi_name.is_null() && unsafe { part.dlpi_name.read() } != 0;
        let data = part.dlpi_tls_data.addr();
        // SAFETY: the structure says how many there are.
        let headers =
            unsafe { std::slice::from_raw_parts(part.dlpi_phdr, usize::from(part.dlpi_phnum)) };
        let header = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        if let Some(header) = header
            && data != 0
        {
            let block = data..data + header.p_memsz as usize;
            if !(is_library && block.contains(&found.errno)) {
                add_if_near(&mut found.all, block);
            }
        }
        0
    }

    // SAFETY: takes no pointer, and cannot fail.
    let errno = unsafe { libc::__errno_location() }.addr();
    let Some(pointer) = thread_pointer() else { return 0..0 };
    let mut found = Found { all: pointer..pointer + 1, errno };
    // SAFETY: `add` is what the call asks for, and gets what was found as its data.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut found).cast()) };
    // What points behind the last one may have been computed from it, too.
    found.all.start..found.all.end + 1
}

/// Adds the storage of a part of the program, if it is of the one piece of memory that each thread has for those who were there
/// when it began. They lie beside each other, whatever their size, from the thread pointer on.
fn add_if_near(all: &mut Range<usize>, block: Range<usize>) {
    /// Between two there is no more than their alignment asks for, and the C library's own.
    const NEAR: usize = 1 << 16;

    let above = block.start.saturating_sub(all.end);
    let below = all.start.saturating_sub(block.end);
    if above.max(below) < NEAR {
        *all = all.start.min(block.start)..all.end.max(block.end);
    }
}

/// From what the compiler computes the addresses of thread-locals: it may keep that over a call, as well as one of them. It
/// points below the first of them, or behind the last.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn thread_pointer() -> Option<usize> {
    use std::arch::asm;

    let pointer: usize;
    // SAFETY: every thread has the register, and reading it changes nothing.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: what every thread's pointer points to is itself.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, fs:[0]", out(reg) pointer, options(readonly, nostack, preserves_flags));
    }
    Some(pointer)
}

/// Where goroutines are threads, and nobody goes from one to another.
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn thread_pointer() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::add_if_near;

    /// What was near to the first one was told by its start, and a library beside megabytes of another's was not seen.
    #[test]
    fn large_storage_is_one_piece_with_what_lies_beside_it() {
        const MIB: usize = 1 << 20;
        let pointer = 64 * MIB;
        let mut all = pointer..pointer + 1;
        let (program, library) = (61 * MIB..pointer, 59 * MIB..61 * MIB - 64);
        add_if_near(&mut all, program);
        add_if_near(&mut all, library);
        assert_eq!(all, 59 * MIB..pointer + 1);
        add_if_near(&mut all, 2 * MIB..3 * MIB);
        add_if_near(&mut all, 70 * MIB..71 * MIB);
        assert_eq!(all, 59 * MIB..pointer + 1, "in the heap");
    }
}
