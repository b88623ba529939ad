//! Unix: a signal handler on an alternate stack, and the unwinder that panics use.

mod alt_stack;
mod frames;
mod handler;

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

pub use alt_stack::AltStack;
pub(super) use frames::find_and_cut;
pub(super) use handler::install;

/// A number of the calling thread's, not zero.
pub(super) fn thread_id() -> usize {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointer, and cannot fail.
    return unsafe { libc::gettid() } as usize;
    #[cfg(not(target_os = "linux"))]
    // SAFETY: takes no pointer, and cannot fail. The handle is an address, here a number.
    return unsafe { libc::pthread_self() } as usize;
}

/// Another thread will end the process.
pub(super) fn wait_for_the_end() -> ! {
    loop {
        // SAFETY: takes no pointer; it returns after a signal, if at all.
        unsafe { libc::pause() };
    }
}

/// Has `on_stuck` called if the process has not ended after so many seconds.
pub(super) fn end_within(seconds: u32, on_stuck: extern "C" fn()) {
    extern "C" fn on_alarm(_: c_int) {
        if let Some(on_stuck) = ON_STUCK.get() {
            on_stuck();
        }
    }
    static ON_STUCK: std::sync::OnceLock<extern "C" fn()> = std::sync::OnceLock::new();
    let _ = ON_STUCK.set(on_stuck);
    // From here on a fault in this thread ends the process too.
    unblock(handler::SIGNAL);
    // SAFETY: all zeros is a valid record: no flags, nothing blocked.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = on_alarm as extern "C" fn(c_int) as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // Whatever was there before: the process is about to end.
    // SAFETY: the record is valid, and the handler only sees to that.
    unsafe { libc::sigaction(libc::SIGALRM, &raw const action, null_mut()) };
    unblock(libc::SIGALRM);
    // SAFETY: takes no pointer; its signal has a handler.
    unsafe { libc::alarm(seconds) };
}

/// Lets this thread receive `signal`, which may be blocked because its handler is running.
fn unblock(signal: c_int) {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the place for the set is valid.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set is initialized.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    // SAFETY: the set is initialized, and the mask before is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), null_mut()) };
}

/// Writes to standard error, perhaps not all; returns how much, and nothing if it cannot.
pub(super) fn write(bytes: &[u8]) -> usize {
    loop {
        // SAFETY: reads as many bytes as there are.
        let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        let interrupted =
            || std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
        if written >= 0 || !interrupted() {
            return usize::try_from(written).unwrap_or(0);
        }
    }
}
