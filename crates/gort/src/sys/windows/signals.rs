//! What comes closest to signals: the console's events. Ctrl-C and Ctrl-Break count as `SIGINT`; that the window is closed, the
//! user logs off or the system shuts down as `SIGTERM`.
//!
//! One handler, which is installed with the first use and stays, looks up what is to be done with the event. The system calls it on a
//! thread of its own.

use crate::sys::Disposition;
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*};
use std::sync::{Mutex, PoisonError};
use windows_sys::Win32::Foundation::STATUS_CONTROL_C_EXIT;
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Threading::{ExitProcess, INFINITE, Sleep};
use windows_sys::core::BOOL;

/// Names for numbers that mean nothing to this system; those of Linux.
pub(crate) mod numbers {
    pub(crate) const SIGHUP: i32 = 1;
    pub(crate) const SIGINT: i32 = 2;
    pub(crate) const SIGQUIT: i32 = 3;
    pub(crate) const SIGILL: i32 = 4;
    pub(crate) const SIGTRAP: i32 = 5;
    pub(crate) const SIGABRT: i32 = 6;
    pub(crate) const SIGBUS: i32 = 7;
    pub(crate) const SIGFPE: i32 = 8;
    pub(crate) const SIGKILL: i32 = 9;
    pub(crate) const SIGUSR1: i32 = 10;
    pub(crate) const SIGSEGV: i32 = 11;
    pub(crate) const SIGUSR2: i32 = 12;
    pub(crate) const SIGPIPE: i32 = 13;
    pub(crate) const SIGALRM: i32 = 14;
    pub(crate) const SIGTERM: i32 = 15;
    pub(crate) const SIGCHLD: i32 = 17;
    pub(crate) const SIGCONT: i32 = 18;
    pub(crate) const SIGSTOP: i32 = 19;
    pub(crate) const SIGTSTP: i32 = 20;
    pub(crate) const SIGTTIN: i32 = 21;
    pub(crate) const SIGTTOU: i32 = 22;
    pub(crate) const SIGURG: i32 = 23;
    pub(crate) const SIGXCPU: i32 = 24;
    pub(crate) const SIGXFSZ: i32 = 25;
    pub(crate) const SIGVTALRM: i32 = 26;
    pub(crate) const SIGPROF: i32 = 27;
    pub(crate) const SIGWINCH: i32 = 28;
    pub(crate) const SIGIO: i32 = 29;
    pub(crate) const SIGSYS: i32 = 31;
}

use numbers::{SIGINT, SIGTERM};

/// Who uses signals.
pub(crate) struct User {
    /// For messages, of which there are none here: nobody else can want the same signal.
    #[expect(dead_code, reason = "Unix has them")]
    pub(crate) purpose: &'static str,
    /// Called in the handler, with the number and a null pointer.
    pub(crate) on_signal: unsafe fn(i32, *mut c_void) -> bool,
}

/// Who uses the signals of [`HANDLED`]: `signal::notify`, as nobody else can.
static USER: AtomicPtr<User> = AtomicPtr::new(null_mut());
/// Sets of signals: a bit for each number.
static HANDLED: AtomicU32 = AtomicU32::new(0);
static IGNORED: AtomicU32 = AtomicU32::new(0);

fn bit(signal: i32) -> u32 {
    1 << signal
}

/// Why a signal cannot be handled by anybody here.
pub(crate) fn check(signal: i32) -> Result<(), &'static str> {
    match signal {
        SIGINT | SIGTERM => Ok(()),
        _ => Err("Windows has nothing like it"),
    }
}

/// Has `user` called for `signal`, which has passed [`check`].
///
/// # Errors
/// The system's.
pub(crate) fn install(signal: i32, user: &'static User) -> io::Result<()> {
    ensure_handler()?;
    USER.store(std::ptr::from_ref(user).cast_mut(), Release);
    HANDLED.fetch_or(bit(signal), Release);
    Ok(())
}

/// The opposite; true, as nobody can be in the way.
pub(crate) fn uninstall(signal: i32) -> bool {
    HANDLED.fetch_and(!bit(signal), Release);
    true
}

/// Nothing has to be installed for what interrupts threads: see [`MachineThread::interrupt`](super::MachineThread::interrupt).
pub(crate) fn install_for_good(_signal: i32, _user: &'static User) -> io::Result<()> {
    Ok(())
}

fn ensure_handler() -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        // SAFETY: a function of that kind, which stays.
        if unsafe { SetConsoleCtrlHandler(Some(handle), 1) } == 0 {
            return Err(io::Error::last_os_error());
        }
        *installed = true;
    }
    Ok(())
}

/// Sets what happens on `signal`, which has passed [`check`], when nobody uses it.
///
/// # Errors
/// The system's.
pub(crate) fn dispose(
    signal: i32,
    disposition: Disposition,
    _user: &'static User,
    _is_needed: bool,
) -> io::Result<()> {
    ensure_handler()?;
    match disposition {
        Disposition::Default => IGNORED.fetch_and(!bit(signal), Release),
        Disposition::Ignore => IGNORED.fetch_or(bit(signal), Release),
    };
    Ok(())
}

/// The signals that a thread has blocked. There is no such thing here.
pub(crate) struct Mask(());

impl Mask {
    pub(crate) fn of_this_thread() -> Mask {
        Mask(())
    }

    pub(crate) fn set_without(&self, _signals: impl IntoIterator<Item = i32>) {}
}

/// Ends the process, as the signal would have, if that is not handled. It came when it was, and nobody was there to hear of it.
pub(crate) fn raise_unhandled(signal: i32) {
    let _sent = raise(signal);
}

/// Does what the handler does when the event comes, and then, if need be, what the system does. Handlers of others are not called.
///
/// # Errors
/// `InvalidInput` if there is nothing like it.
pub(crate) fn raise(signal: i32) -> io::Result<()> {
    check(signal).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    if !is_taken(signal) {
        // SAFETY: ends the process, as the system does.
        unsafe { ExitProcess(STATUS_CONTROL_C_EXIT.cast_unsigned()) };
    }
    Ok(())
}

/// # Errors
/// `Unsupported`: processes are not sent anything here.
pub(crate) fn send(_process: i32, _signal: i32) -> io::Result<()> {
    let message = "there are no signals to other processes on this system";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// Tells the user of a signal; false if there is none, and it is not ignored.
fn is_taken(signal: i32) -> bool {
    if HANDLED.load(Acquire) & bit(signal) == 0 {
        return IGNORED.load(Acquire) & bit(signal) != 0;
    }
    // SAFETY: users are statics.
    let user = unsafe { USER.load(Acquire).as_ref() };
    if let Some(user) = user {
        // SAFETY: in the handler, or as good as.
        unsafe { (user.on_signal)(signal, null_mut()) };
    }
    user.is_some()
}

unsafe extern "system" fn handle(event: u32) -> BOOL {
    if matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
        return BOOL::from(is_taken(SIGINT));
    }
    if is_taken(SIGTERM) {
        // When this returns the system ends the process: it is for the program to do that, in the seconds that it gets.
        // SAFETY: the thread is the system's, and good for nothing else.
        unsafe { Sleep(INFINITE) };
    }
    0
}
