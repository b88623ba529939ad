//! Kinds of Unix that this has no more to say of than std: macOS, and others with the feature `threads`.

mod bell;
mod descriptors;

pub(crate) use super::no_wake_timer::WakeTimer;
pub(crate) use super::plain_stream::{accept, new_socket, receive, send};
pub(crate) use bell::{wait_on_address, wake_one};
pub(crate) use descriptors::*;

#[cfg(any(target_os = "openbsd", target_os = "netbsd"))]
use libc::__errno as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
use libc::__error as errno_location;
use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A thread of the runtime's; none while it has not begun.
#[derive(Debug, Default)]
pub(crate) struct MachineThread(Mutex<Option<Thread>>);

impl MachineThread {
    /// To be called by the thread before anything else.
    pub(crate) fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current());
    }

    /// To be called by the thread when it does nothing for its machine any more.
    pub(crate) fn end(&self) {}

    /// The thread: sleeps while `*signal == expected`, at most for `timeout`. Wakes up without reason at times.
    pub(crate) fn sleep_while(&self, signal: &AtomicU32, expected: u32, timeout: Option<Duration>) {
        if signal.load(Relaxed) == expected {
            match timeout {
                Some(timeout) => thread::park_timeout(timeout),
                None => thread::park(),
            }
        }
    }

    /// Wakes the thread if it sleeps, after `signal` has been changed.
    pub(crate) fn wake(&self, _signal: &AtomicU32) {
        // One that has not begun will look at the signal before it sleeps: the lock is in between.
        if let Some(thread) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }

    /// Nothing that others inherit is set here.
    pub(crate) fn wait_on_time(&self, _on_time: bool) {}

    /// It is the kernel's affair.
    pub(crate) fn set_kernel_slice(&self, _: Duration) {}

    /// There is no handler to be called.
    pub(crate) fn interrupt(&self, _signal: i32, _here: impl FnOnce(*mut c_void)) -> bool {
        false
    }

    /// It is not told.
    pub(crate) fn waited_for_cpus(&self) -> Option<Duration> {
        None
    }

    /// It is not told.
    pub(crate) fn sleeps(&self) -> Option<bool> {
        None
    }
}

/// std's clock.
pub(crate) fn time() -> u64 {
    /// What it says when it is first looked at: there were times before.
    const AT_FIRST: Duration = Duration::from_secs(1 << 30);
    static FIRST: OnceLock<Instant> = OnceLock::new();
    (AT_FIRST + FIRST.get_or_init(Instant::now).elapsed()).as_nanos() as u64
}

/// The same: another that is cheaper need not be in step with it.
pub(crate) fn rough_time() -> u64 {
    time()
}

pub(crate) fn register_barrier() -> bool {
    false
}

pub(crate) fn barrier_in_all_threads() {
    unreachable!("it could not be registered")
}

/// Not known: what a thread has may lie anywhere in the heap.
pub(crate) fn thread_local_storage() -> Range<usize> {
    0..0
}

pub(crate) const SIGNAL: i32 = 0;

pub(crate) const IS_IN_PROGRAM: bool = false;

/// The highest number of a signal.
pub(in crate::sys) fn last_signal() -> i32 {
    31
}

/// It has none.
pub(in crate::sys) fn signals_of_the_c_library() -> Range<i32> {
    0..0
}

/// The calling thread's error number. Not inlined: the caller may go on on another thread afterwards.
#[inline(never)]
pub(crate) fn errno() -> i32 {
    // SAFETY: takes no pointer, and cannot fail.
    let location = unsafe { errno_location() };
    // SAFETY: it is there as long as the thread runs.
    unsafe { location.read() }
}

#[inline(never)]
pub(crate) fn set_errno(errno: i32) {
    // SAFETY: as above.
    let location = unsafe { errno_location() };
    // SAFETY: as above.
    unsafe { location.write(errno) };
}
