//! Where the thread-local storage of a thread lies.

use std::ops::Range;

/// Where the calling thread has its thread-local storage: that of the program and of the libraries that
/// were loaded with it. Libraries that were loaded later have theirs elsewhere; it is not seen. Nor is the C library's,
/// where it is a library of its own: no `thread_local!` is there, and its calls leave pointers to it on stacks.
pub(crate) fn thread_local_storage() -> Range<usize> {
    /// Storage that is further away from the program's own is not of the block that each thread has.
    const NEAR: usize = 1 << 20;

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
            let all = &mut found.all;
            if is_library && block.contains(&found.errno) {
                return 0;
            }
            if all.end == 0 {
                *all = block;
            } else if block.start.abs_diff(all.start) < NEAR {
                *all = all.start.min(block.start)..all.end.max(block.end);
            }
        }
        0
    }

    // SAFETY: takes no pointer, and cannot fail.
    let errno = unsafe { libc::__errno_location() }.addr();
    let mut found = Found { all: 0..0, errno };
    // SAFETY: `add` is what the call asks for, and gets what was found as its data.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut found).cast()) };
    let all = found.all;
    if all.is_empty() {
        return all;
    }
    let pointer = thread_pointer().unwrap_or(all.start);
    // What points behind the last one may have been computed from it, too.
    all.start.min(pointer)..all.end.max(pointer) + 1
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
