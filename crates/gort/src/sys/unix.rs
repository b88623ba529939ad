//! Linux: futexes, and the timer slack of a thread.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `*address == expected`, at most for `timeout`. Wakes up without reason at times.
pub(crate) fn wait_on_address(address: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timespec = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    });
    let timespec = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the address and the time specification are valid for the call. Every failure
    // (a changed value, a signal, the time-out) means to look again, as the caller does anyway.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            address.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            timespec,
        )
    };
}

/// Wakes one thread that sleeps on `address`.
pub(crate) fn wake_one(address: &AtomicU32) {
    // SAFETY: the address is only a key to the kernel, which does not write to it.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            address.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1_i32,
        )
    };
}

/// To be called on a new machine's thread: lets its timed waits end on time instead of up to the
/// kernel's default slack of 50 µs later.
pub(crate) fn prepare_machine_thread() {
    const ONE_NANOSECOND: libc::c_ulong = 1;
    // SAFETY: sets a number of the calling thread. It can only fail where it does not exist.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, ONE_NANOSECOND) };
}
