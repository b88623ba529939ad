//! Stack memory from Windows, which counts what a process may come to use: so a stack is reserved whole and
//! committed page by page, by the mechanism that Windows has for its threads' stacks.
//!
//! ```text
//!   0x0200_0004_0000   end of the slot
//!   0x0200_0003_f000   committed: what frames have come to use, a page at first
//!   0x0200_0003_e000   PAGE_GUARD: when it is touched the kernel makes it a page of the stack, and the page
//!                      below the guard; the thread's StackLimit follows
//!                      ...      reserved
//!   0x0200_0000_6000   limit: the guard comes no further down. STATUS_STACK_OVERFLOW is raised instead, and
//!   0x0200_0000_1000   what is above here is committed for whoever handles it
//!   0x0200_0000_0000   never accessible
//! ```
//!
//! The kernel does so for the stack whose bounds the thread's block shows, which `arch/x86_64_windows.rs` sees
//! to. To touch another stack's guard is an error, so what lies on a stack is only looked at above its
//! [`committed`] limit.

use std::io;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null};

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEM_RESET, MEMORY_BASIC_INFORMATION,
    PAGE_GUARD, PAGE_READWRITE, VirtualAlloc, VirtualFree, VirtualProtect, VirtualQuery,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};

/// What the handler of an overflow, and the kernel on the way to it, have for themselves: as much as std asks
/// for on each thread.
pub(crate) const FOR_THE_HANDLER: usize = 20 << 10;

pub(super) fn page_size() -> usize {
    let mut info = MaybeUninit::<SYSTEM_INFO>::uninit();
    // SAFETY: the place for the structure is valid; the call cannot fail.
    unsafe { GetSystemInfo(info.as_mut_ptr()) };
    // SAFETY: the call has filled it in.
    let info = unsafe { info.assume_init() };
    info.dwPageSize as usize
}

/// No stack is smaller.
pub(super) fn least_size(_page: usize) -> usize {
    64 << 10
}

/// No guard is shorter.
pub(super) fn least_guard(page: usize) -> usize {
    page + FOR_THE_HANDLER
}

/// Address space that takes up no memory yet.
pub(super) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    // As they are reserved pages will be committed when a stack grows.
    // SAFETY: a new reservation at an address of the system's choice.
    let at = unsafe { VirtualAlloc(null(), len, MEM_RESERVE, PAGE_READWRITE) };
    NonNull::new(at.cast()).ok_or_else(io::Error::last_os_error)
}

/// # Safety
/// The range is a whole one from [`reserve`], and nothing uses it any more.
pub(super) unsafe fn release(at: NonNull<u8>, _len: usize) {
    // SAFETY: the caller's promise. The length of a reservation is known to the system.
    let done = unsafe { VirtualFree(at.as_ptr().cast(), 0, MEM_RELEASE) };
    debug_assert_ne!(done, 0);
}

/// Pages.
#[derive(Clone, Copy)]
pub(super) struct Range {
    at: *mut u8,
    len: usize,
}

impl Range {
    pub(super) const EMPTY: Range = Range { at: std::ptr::null_mut(), len: 0 };

    pub(super) fn new(at: *mut u8, len: usize) -> Range {
        Range { at, len }
    }
}

/// There is only one kind of guard here.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn guard_many(_: &[Range]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is no such call here.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn fill(_: &[Range]) {}

/// Makes a stack of a slot: commits its first page, and puts the guard below.
///
/// # Safety
/// The slot is part of a reserved range, and nothing uses it.
pub(super) unsafe fn guard_mapped(slot: *mut u8, len: usize, _guard: usize) -> io::Result<()> {
    let page = page_size();
    let first = slot.wrapping_add(len - 2 * page);
    // SAFETY: the caller's promise.
    let done = unsafe { VirtualAlloc(first.cast(), 2 * page, MEM_COMMIT, PAGE_READWRITE) };
    if done.is_null() {
        let e = io::Error::last_os_error();
        return Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!("a stack's first page: {e}"),
        ));
    }
    // SAFETY: the caller's promise.
    if unsafe { put_guard(first, page) } {
        return Ok(());
    }
    let e = io::Error::last_os_error();
    Err(io::Error::new(e.kind(), format!("a stack's guard page: {e}")))
}

/// Makes a committed page the guard; false if it is not committed.
///
/// # Safety
/// The page is part of a stack, and nothing uses it.
unsafe fn put_guard(at: *mut u8, page: usize) -> bool {
    let mut before = 0;
    // SAFETY: the caller's promise.
    unsafe { VirtualProtect(at.cast(), page, PAGE_READWRITE | PAGE_GUARD, &raw mut before) != 0 }
}

/// Gives the memory of the ranges back to the system, each the lower part of a stack or all of it. Best effort.
///
/// The highest page of each stays, as what the next frames will use; its contents need not.
///
/// # Safety
/// Nothing in the ranges is needed, and none of their stacks is in use there.
pub(super) unsafe fn give_back(ranges: &[Range]) {
    let page = page_size();
    for Range { at, len } in ranges.iter().filter(|range| range.len > 2 * page) {
        let highest = at.wrapping_add(len - page);
        let guard = highest.wrapping_sub(page);
        // SAFETY: the caller's promise.
        unsafe { VirtualFree(at.cast(), len - 2 * page, MEM_DECOMMIT) };
        // If that page is not committed, the guard lies above it and stays there.
        // SAFETY: the caller's promise.
        if unsafe { put_guard(guard, page) } {
            // SAFETY: the caller's promise.
            unsafe { VirtualAlloc(highest.cast(), page, MEM_RESET, PAGE_READWRITE) };
        }
    }
}

/// What the system knows of the pages from `at` on that are of one kind; `None`: nobody may have pages there.
pub(crate) fn pages_at(at: *const u8) -> Option<MEMORY_BASIC_INFORMATION> {
    let mut found = MaybeUninit::<MEMORY_BASIC_INFORMATION>::uninit();
    // SAFETY: asks about an address, and has room for the answer.
    let len = unsafe { VirtualQuery(at.cast(), found.as_mut_ptr(), size_of_val(&found)) };
    // SAFETY: the call has filled it in, as it says how much it has written.
    (len != 0).then(|| unsafe { found.assume_init() })
}

/// Has a frame come to use these pages?
pub(crate) fn are_used(pages: &MEMORY_BASIC_INFORMATION) -> bool {
    pages.State == MEM_COMMIT && pages.Protect == PAGE_READWRITE
}

/// The lowest committed address of a stack: what frames have come to use, and what may be looked at.
pub(super) fn committed(limit: *mut u8, top: *mut u8) -> *mut u8 {
    let mut at = limit;
    while at < top {
        let pages = pages_at(at).expect("the address is one of this process");
        if are_used(&pages) {
            break;
        }
        at = pages.BaseAddress.cast::<u8>().wrapping_add(pages.RegionSize);
    }
    at
}

/// Has the stack been used further down than `threshold` bytes since it was new or last trimmed? One page more
/// than that is not counted, as [`give_back`] leaves it.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn used_deep(
    limit: *mut u8,
    top: *mut u8,
    page: usize,
    threshold: usize,
) -> bool {
    top.addr() - committed(limit, top).addr() > threshold.max(page) + page
}

/// The system knows how far down it was used.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn forget_depth(_first_page: *mut u8) {}
