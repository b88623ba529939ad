//! Linux: futexes, a cheap clock, and the timer slack of a thread; what is only here.

mod descriptors;
mod storage;
mod wake_timer;

pub(crate) use descriptors::*;
pub(crate) use storage::thread_local_storage;
pub(crate) use wake_timer::WakeTimer;

use crate::tell::abort;
use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// Sleeps while `*address == expected`, at most for `timeout`. Wakes up without reason at times.
#[cfg_attr(
    target_env = "musl",
    allow(deprecated, reason = "the name of `time_t`, which is to be 64 bits wide everywhere")
)]
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

/// std's clock.
#[inline]
pub(crate) fn time() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// The same as of the kernel's last tick.
#[inline]
pub(crate) fn rough_time() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC_COARSE)
}

#[inline(always)]
fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is valid for the call, which does not fail for a clock that there is.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Makes [`barrier_in_all_threads`] possible; false: this system does not have it.
pub(crate) fn register_barrier() -> bool {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// Has every thread of the process that runs just now execute a full barrier. After
/// [`register_barrier`] has succeeded.
pub(crate) fn barrier_in_all_threads() {
    // It does not fail once it is registered, unless a filter of system calls that the program has put on since forbids it. Without
    // it a processor could have two machines.
    if !membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        let error = io::Error::last_os_error();
        abort(format_args!(
            "aborting, as membarrier has failed, which is not needed with GORT_BARRIER=fence: {error}"
        ));
    }
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// The signal that interrupts goroutines, unless another is chosen.
pub(crate) const SIGNAL: i32 = libc::SIGURG;

/// Is the C library, with its allocator, part of the program's own text?
pub(crate) const IS_IN_PROGRAM: bool = cfg!(target_feature = "crt-static");

/// The highest number of a signal.
pub(in crate::sys) fn last_signal() -> i32 {
    libc::SIGRTMAX()
}

/// Those between the signals that have a name and those that are anybody's.
pub(in crate::sys) fn signals_of_the_c_library() -> Range<i32> {
    32..libc::SIGRTMIN()
}

/// A thread of the runtime's, as the kernel knows it. Without a number while there is none.
#[derive(Debug, Default)]
pub(crate) struct MachineThread(AtomicI32);

impl MachineThread {
    /// To be called by the thread before anything else.
    pub(crate) fn begin(&self) {
        self.wait_on_time(true);
        // SAFETY: takes no pointer, and cannot fail.
        self.0.store(unsafe { libc::gettid() }, Relaxed);
    }

    /// To be called by the thread when it does nothing for its machine any more.
    pub(crate) fn end(&self) {}

    /// To be called by the thread: its timed waits end on time from now on, or up to 50 µs later, as the kernel has it for the program's
    /// own threads.
    pub(crate) fn wait_on_time(&self, on_time: bool) {
        /// What the program began with. The first thread has it from the one that started the runtime.
        static USUAL: OnceLock<libc::c_ulong> = OnceLock::new();
        const ONE_NANOSECOND: libc::c_ulong = 1;
        // SAFETY: asks for a number of the calling thread. It can only fail where there is none.
        let slack = || unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        let usual = *USUAL.get_or_init(|| slack().try_into().unwrap_or_default());
        let wanted = if on_time { ONE_NANOSECOND } else { usual };
        // SAFETY: sets that number; zero is what the thread has inherited.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, wanted) };
    }

    /// The thread: sleeps while `*signal == expected`, at most for `timeout`. Wakes up without reason at times.
    pub(crate) fn sleep_while(&self, signal: &AtomicU32, expected: u32, timeout: Option<Duration>) {
        wait_on_address(signal, expected, timeout);
    }

    /// Wakes the thread if it sleeps, after `signal` has been changed.
    pub(crate) fn wake(&self, signal: &AtomicU32) {
        wake_one(signal);
    }

    /// Asks the kernel to run the thread for about so long at a time while others want its CPU. A thread with
    /// a short time gets its CPU sooner when it wakes: Linux from 6.12 on lets it take the place of one with a
    /// longer time at once. Elsewhere, and if the kernel refuses, nothing changes. Zero: as long as others. Of one
    /// without a number it is the calling thread.
    pub(crate) fn set_kernel_slice(&self, slice: Duration) {
        #[repr(C)]
        struct Attributes {
            size: u32,
            policy: u32,
            flags: u64,
            nice: i32,
            priority: u32,
            runtime: u64,
            deadline: u64,
            period: u64,
        }
        let thread = self.0.load(Relaxed);
        let size = size_of::<Attributes>() as u32;
        let mut attributes = Attributes {
            size,
            policy: 0,
            flags: 0,
            nice: 0,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
        };
        // SAFETY: the kernel writes not more than `size` bytes to the structure.
        let got =
            unsafe { libc::syscall(libc::SYS_sched_getattr, thread, &raw mut attributes, size, 0) };
        // Only of the default policy: others have been chosen by the user.
        if got != 0 || attributes.policy != libc::SCHED_OTHER as u32 {
            return;
        }
        attributes.size = size;
        attributes.runtime = slice.as_nanos() as u64;
        // SAFETY: the kernel reads `size` bytes of the structure.
        unsafe { libc::syscall(libc::SYS_sched_setattr, thread, &raw const attributes, 0) };
    }

    /// Sends the thread a signal, whose handler is told what it has interrupted. False: there is no thread, or it cannot
    /// be sent any more signals now.
    pub(crate) fn interrupt(&self, signal: i32, _here: impl FnOnce(*mut c_void)) -> bool {
        let thread = self.0.load(Relaxed);
        // SAFETY: takes no pointer, and cannot fail.
        let process = unsafe { libc::getpid() };
        // SAFETY: a signal to a thread of this process, or to nobody.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) == 0 }
    }

    /// For how long it has been ready to run so far, and did not. `None` if that cannot be told.
    pub(crate) fn waited_for_cpus(&self) -> Option<Duration> {
        let number = self.0.load(Relaxed);
        // Nanoseconds it has run, nanoseconds it has waited, and how often it has run.
        let times = std::fs::read_to_string(format!("/proc/self/task/{number}/schedstat")).ok()?;
        times.split(' ').nth(1)?.parse().ok().map(Duration::from_nanos)
    }

    /// Does the thread sleep in the kernel? `None` if that cannot be told.
    pub(crate) fn sleeps(&self) -> Option<bool> {
        let number = self.0.load(Relaxed);
        // "number (name) state ..."; the name may hold anything.
        let stat = std::fs::read(format!("/proc/self/task/{number}/stat")).ok()?;
        let end_of_name = stat.iter().rposition(|&byte| byte == b')')?;
        stat.get(end_of_name + 2).map(|state| matches!(state, b'S' | b'D'))
    }
}

/// The calling thread's error number. Not inlined: the caller may go on on another thread afterwards.
#[inline(never)]
pub(crate) fn errno() -> i32 {
    // SAFETY: takes no pointer, and cannot fail.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: it is there as long as the thread runs.
    unsafe { location.read() }
}

#[inline(never)]
pub(crate) fn set_errno(errno: i32) {
    // SAFETY: as above.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { location.write(errno) };
}
