//! Stack memory from a Unix kernel. What a port supplies: [`page_size`], [`least_size`], [`least_guard`],
//! [`reserve`], [`release`], [`Range`], [`guard_many`], [`fill`], [`guard_mapped`], [`give_back`], [`used_deep`],
//! [`forget_depth`].

use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;

pub(super) fn page_size() -> usize {
    // SAFETY: takes no pointer; for what there is not it returns -1.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("the system has a page size")
}

/// No stack is smaller.
pub(super) fn least_size(page: usize) -> usize {
    4 * page
}

/// No guard is shorter.
pub(super) fn least_guard(page: usize) -> usize {
    page
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
    // A stack must not grow by 2 MiB at its first touch. A kernel without huge pages refuses this, and has no
    // need of it.
    #[cfg(target_os = "linux")]
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

/// Pages, for the calls that take many ranges at once. Laid out as the kernel wants it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Range(libc::iovec);

impl Range {
    pub(super) const EMPTY: Range = Range(libc::iovec { iov_base: null_mut(), iov_len: 0 });

    pub(super) fn new(at: *mut u8, len: usize) -> Range {
        Range(libc::iovec { iov_base: at.cast(), iov_len: len })
    }
}

/// Makes the ranges fault, by a mark in the page table: from the first one on, as many as it says and at
/// least one.
///
/// # Safety
/// The ranges are parts of reserved ones, whole pages, and nothing uses them.
pub(super) unsafe fn guard_many(ranges: &[Range]) -> io::Result<usize> {
    /// Linux 6.13; newer than what libc knows.
    const MADV_GUARD_INSTALL: i32 = 102;
    /// Whether the mark has been seen to work. There are emulators (qemu 7) that take any advice and do nothing.
    static WORKS: OnceLock<bool> = OnceLock::new();
    if cfg!(not(target_os = "linux")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: the caller's promise.
    let done = unsafe { advise(ranges, MADV_GUARD_INSTALL) }?;
    let Range(first) = ranges[0];
    if *WORKS.get_or_init(|| faults(first.iov_base.cast())) {
        Ok(done)
    } else {
        Err(io::Error::new(io::ErrorKind::Unsupported, "they are taken and have no effect"))
    }
}

/// Has the system put memory behind pages that are about to be touched: by one call for all of them, or not at all. Best effort.
///
/// Measured for 64 first pages of stacks: 1.1 to 1.5 µs each, against 1.5 to 1.9 µs for each that faults.
///
/// # Safety
/// The ranges are parts of reserved ones, whole pages.
pub(super) unsafe fn fill(ranges: &[Range]) {
    #[cfg(target_os = "linux")]
    // SAFETY: the caller's promise.
    unsafe {
        advise_at_once(ranges, libc::MADV_POPULATE_WRITE)
    };
    #[cfg(not(target_os = "linux"))]
    let _ = ranges;
}

/// Can the system not read what is at this address?
fn faults(at: *const libc::c_char) -> bool {
    // SAFETY: the system looks at the address itself, as at the name of a file. Where it can be read there are
    // zeros as yet: no name.
    let failed = unsafe { libc::access(at, libc::F_OK) } != 0;
    failed && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Makes the lowest `guard` bytes of a slot fault, by a mapping of their own that allows nothing.
///
/// # Safety
/// As for [`guard_many`].
pub(super) unsafe fn guard_mapped(slot: *mut u8, _len: usize, guard: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    if unsafe { libc::mprotect(slot.cast(), guard, libc::PROT_NONE) } == 0 {
        return Ok(());
    }
    let e = io::Error::last_os_error();
    if e.raw_os_error() == Some(libc::ENOMEM) {
        let what = "guard pages: the kernel's limit of mappings (vm.max_map_count) is reached";
        return Err(io::Error::new(e.kind(), what));
    }
    Err(io::Error::new(e.kind(), format!("guard pages by mprotect: {e}")))
}

/// Gives the memory of the ranges back to the system; read again they are zeros, and guards in them stay.
/// Best effort.
///
/// `MADV_DONTNEED`, not `MADV_FREE`. Of two pages in a stack of 256 KiB, measured: 1.8 µs against 1.4 µs, and
/// 0.85 µs many at a time. `MADV_FREE` would make the next touch cheaper (0.2 µs against 1.5 µs a page), but
/// the memory would count as the process's until the system runs short, and what is given back here is what
/// nobody is expected to touch soon.
///
/// # Safety
/// The ranges are parts of reserved ones, whole pages, and nothing in them is needed.
pub(super) unsafe fn give_back(ranges: &[Range]) {
    let mut ranges = ranges;
    while !ranges.is_empty() {
        // SAFETY: the caller's promise.
        match unsafe { advise(ranges, libc::MADV_DONTNEED) } {
            Ok(done) => ranges = &ranges[done..],
            Err(_) => ranges = &ranges[1..],
        }
    }
}

/// From the first range on as many as it says, at least one.
///
/// # Safety
/// What `madvise` with this advice asks for.
unsafe fn advise(ranges: &[Range], advice: i32) -> io::Result<usize> {
    // SAFETY: the caller's promise.
    let done = unsafe { advise_at_once(ranges, advice) };
    if done > 0 {
        return Ok(done);
    }
    for (n, Range(range)) in ranges.iter().enumerate() {
        // SAFETY: the caller's promise.
        if unsafe { libc::madvise(range.iov_base, range.iov_len, advice) } != 0 {
            return if n > 0 { Ok(n) } else { Err(io::Error::last_os_error()) };
        }
    }
    Ok(ranges.len())
}

/// By one system call, which takes half the time: 0.5 µs for a guard, against 1 µs. Newer kernels (6.15 for
/// naming the caller's own process without a descriptor) do it; zero from the others.
///
/// # Safety
/// What `madvise` with this advice asks for.
#[cfg(target_os = "linux")]
unsafe fn advise_at_once(ranges: &[Range], advice: i32) -> usize {
    const PIDFD_SELF_THREAD_GROUP: i32 = -10001;
    if ranges.len() < 2 {
        return 0;
    }
    // SAFETY: the caller's promise; `Range` is an iovec.
    let bytes = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF_THREAD_GROUP,
            ranges.as_ptr(),
            ranges.len(),
            advice,
            0_u32,
        )
    };
    let Ok(mut bytes) = usize::try_from(bytes) else { return 0 };
    // A range that was done in part only is not counted, and is done again.
    let whole = ranges.iter().take_while(|Range(range)| {
        let all = bytes >= range.iov_len;
        bytes = bytes.saturating_sub(range.iov_len);
        all
    });
    whole.count()
}

#[cfg(not(target_os = "linux"))]
unsafe fn advise_at_once(_: &[Range], _: i32) -> usize {
    0
}

/// The lowest words of a page.
type TellTale = [usize; 16];

/// Has the stack been used further down than `threshold` bytes since it was new or last trimmed? See
/// [`Stack::used_deep`](super::Stack::used_deep).
///
/// # Safety
/// The bounds are those of a stack that nothing runs on.
pub(super) unsafe fn used_deep(
    limit: *mut u8,
    top: *mut u8,
    page: usize,
    threshold: usize,
) -> bool {
    let mut at = top.map_addr(|top| (top - 1) & !(page - 1));
    loop {
        // SAFETY: a page of this stack; its low end holds what ran last, or the kernel's zeros.
        let words = unsafe { at.cast::<TellTale>().read() };
        if words.into_iter().fold(0, std::ops::BitOr::bitor) == 0 {
            return false;
        }
        if top.addr() - at.addr() >= threshold {
            return true;
        }
        if at <= limit {
            return false;
        }
        at = at.wrapping_sub(page);
    }
}

/// Makes a stack's first page look as if nothing had gone below it.
///
/// # Safety
/// Nothing runs on the stack.
pub(super) unsafe fn forget_depth(first_page: *mut u8) {
    // SAFETY: the low end of the page; the header is further up.
    unsafe { first_page.cast::<TellTale>().write([0; _]) };
}
