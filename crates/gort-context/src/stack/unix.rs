//! Stack memory from a Unix kernel. What a port supplies: [`page_size`], [`reserve`], [`release`], [`guard_cheap`],
//! [`guard_mapped`], [`give_back`].

use std::io;
use std::ptr::{NonNull, null_mut};

/// `MADV_GUARD_INSTALL`, Linux 6.13: makes pages fault without a mapping of their own. Newer than what libc knows.
const MADV_GUARD_INSTALL: i32 = 102;

pub(super) fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("the system has a page size")
}

/// Address space that is readable and writable but takes up no memory yet.
pub(super) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let at = unsafe { libc::mmap(null_mut(), len, prot, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    #[cfg(target_os = "linux")]
    // A stack must not grow by 2 MiB at its first touch. A kernel without huge pages refuses this, and needs none of it.
    // SAFETY: the range is the mapping just made.
    unsafe {
        libc::madvise(at, len, libc::MADV_NOHUGEPAGE)
    };
    Ok(NonNull::new(at.cast()).expect("the kernel does not map address zero"))
}

/// # Safety
/// The range is a whole one from [`reserve`], and nothing uses it any more.
pub(super) unsafe fn release(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    let done = unsafe { libc::munmap(at.as_ptr().cast(), len) };
    debug_assert_eq!(done, 0);
}

/// Makes the range fault, by a mark in the page table.
///
/// # Safety
/// The range is part of a reserved one, whole pages, and nothing uses it.
pub(super) unsafe fn guard_cheap(at: *mut u8, len: usize) -> io::Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: the caller's promise.
    check(unsafe { libc::madvise(at.cast(), len, MADV_GUARD_INSTALL) })
}

/// Makes the range fault, by a mapping of its own that allows nothing.
///
/// # Safety
/// As for [`guard_cheap`].
pub(super) unsafe fn guard_mapped(at: *mut u8, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    check(unsafe { libc::mprotect(at.cast(), len, libc::PROT_NONE) })
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
