//! A timer that a poller can wait for, to the nanosecond: Linux's `timerfd`.

use crate::sys::Descriptor;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Becomes readable at a time, for a poller that is edge-triggered; it is never read.
#[derive(Debug)]
pub(crate) struct WakeTimer(OwnedFd);

impl WakeTimer {
    /// `None` where the poller itself is as precise as it can be.
    pub(crate) fn new() -> io::Result<Option<WakeTimer>> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: touches no memory.
        let descriptor = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it has just been made, and is nobody else's.
        Ok(Some(WakeTimer(unsafe { OwnedFd::from_raw_fd(descriptor) })))
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        self.0.as_raw_fd()
    }

    /// Sets it to go off in `time`, which is not zero, and forgets when it was to before.
    ///
    /// # Errors
    /// If a filter of system calls that the program has put on forbids it.
    pub(crate) fn set(&self, time: Duration) -> io::Result<()> {
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let setting = libc::itimerspec {
            it_interval: never,
            it_value: libc::timespec {
                tv_sec: time.as_secs() as _, // `time_t`, a name that is deprecated with musl
                tv_nsec: time.subsec_nanos().into(),
            },
        };
        // SAFETY: the setting is valid for the call, which writes nothing.
        let set = unsafe {
            libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const setting, std::ptr::null_mut())
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
