//! The clock of a process in which a path runs: it stands still, unless the path moves it.
//!
//! What a lock does depends on how long somebody has waited, how often timers are looked at on how fast
//! goroutines come and go, and the monitor looks every millisecond: on a machine that others use, too, an operation
//! would not take the same number of instructions twice. So this program has a `clock_gettime` of its own, which
//! the linker prefers to the C library's. Its time is beyond what the kernel's clock will ever say: the monitor,
//! which sleeps until a point of time, looks once and does not come back.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;

/// Some decades.
const FAR: i64 = 2_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// By how much paths have moved it, in nanoseconds.
static MOVED: AtomicI64 = AtomicI64::new(0);
static GOES: AtomicBool = AtomicBool::new(false);

/// Moves the clock on.
pub(crate) fn advance(time: Duration) {
    MOVED.fetch_add(time.as_nanos() as i64, Relaxed);
}

/// Lets it go, from now on, as the kernel's does.
pub(crate) fn go() {
    GOES.store(true, Relaxed);
}

/// # Safety
/// `time` is valid for a write: C's contract.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> i32 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    if GOES.load(Relaxed) {
        // SAFETY: the kernel writes the time to `now`.
        unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &raw mut now) };
    }
    let moved = MOVED.load(Relaxed) + now.tv_nsec;
    now.tv_sec += FAR + moved / SECOND;
    now.tv_nsec = moved % SECOND;
    // SAFETY: by the caller's contract.
    unsafe { time.write(now) };
    0
}
