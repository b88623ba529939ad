//! Handlers of signals: one for each signal, on top of what was there before, which is put back in the end.
//!
//! The C handler looks up who uses the signal in a table that it can read at any time, and then calls the
//! handler that was there before, unless the user says that the signal was its own. Where that was the default
//! or to ignore the signal, nothing more happens.
//!
//! A process that was forked off has the handlers but none of the threads that act on signals. There a signal
//! does what it did before.

use crate::sys::{Disposition, errno, last_signal, set_errno, signals_of_the_c_library};
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use libc as numbers;

/// One more than the highest number.
const COUNT: usize = 65;

/// Who uses signals.
pub(crate) struct User {
    /// For messages: "signal 10 is used for ...".
    pub(crate) purpose: &'static str,
    /// Called in the signal handler, with its first and its third argument; true if nobody else is to see the
    /// signal.
    pub(crate) on_signal: unsafe fn(i32, *mut c_void) -> bool,
}

/// What the handler has to know of a signal.
struct Entry {
    user: AtomicPtr<User>,
    /// The address of the handler that was there before, with [`WITH_INFO`] if it takes three arguments.
    before: AtomicUsize,
}

/// No function lies in the upper half of the address space, which is the kernel's.
const WITH_INFO: usize = 1 << (usize::BITS - 1);

static ENTRIES: [Entry; COUNT] =
    [const { Entry { user: AtomicPtr::new(null_mut()), before: AtomicUsize::new(libc::SIG_DFL) } };
        COUNT];

/// The process that has installed handlers.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// What was there before each handler that is installed.
type Installed = [Option<libc::sigaction>; COUNT];

fn installed() -> MutexGuard<'static, Installed> {
    static INSTALLED: Mutex<Installed> = Mutex::new([None; COUNT]);
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a signal cannot be handled by anybody here.
pub(crate) fn check(signal: i32) -> Result<(), &'static str> {
    let faults =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];
    if signal < 1 || signal > last_signal() {
        Err("there is none of that number")
    } else if [libc::SIGKILL, libc::SIGSTOP].contains(&signal) {
        Err("the system lets nobody catch or ignore it")
    } else if faults.contains(&signal) {
        Err("it reports a fault of the instruction that it interrupts")
    } else if signals_of_the_c_library().contains(&signal) {
        Err("it is the C library's own")
    } else {
        Ok(())
    }
}

/// Has `user` called for `signal`, which has passed [`check`]. System calls that it interrupts are restarted.
/// Does nothing if that is so already.
///
/// # Errors
/// `ResourceBusy` if another user has the signal.
pub(crate) fn install(signal: i32, user: &'static User) -> io::Result<()> {
    let mut installed = installed();
    let (before, entry) = (&mut installed[signal as usize], &ENTRIES[signal as usize]);
    if before.is_some() {
        return is_used_by(signal, user);
    }
    let action = action_of(signal)?;
    entry.put_before(&action);
    entry.user.store(std::ptr::from_ref(user).cast_mut(), Release);
    // SAFETY: takes no pointer, and cannot fail.
    PROCESS.store(unsafe { libc::getpid() }, Release);
    // With the mask of the handler that was there, for its sake.
    let mut ours = action;
    ours.sa_sigaction = handle as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    set_action(signal, &ours)?;
    *before = Some(action);
    Ok(())
}

/// As [`install`], for as long as the process lasts, and of one signal at most.
///
/// # Errors
/// `InvalidInput` if another signal has been installed in this way, or this one has another use.
pub(crate) fn install_for_good(signal: i32, user: &'static User) -> io::Result<()> {
    static CHOSEN: Mutex<Option<i32>> = Mutex::new(None);
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    let told = |why: String| {
        let message = format!("{} by signal {signal}: {why}", user.purpose);
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    match *chosen {
        Some(other) if other != signal => {
            return Err(told(format!("another runtime of this process uses signal {other}")));
        }
        None if [libc::SIGCHLD, libc::SIGABRT].contains(&signal) || check(signal).is_err() => {
            return Err(told("it has another use".into()));
        }
        _ => {}
    }
    install(signal, user).map_err(|error| told(error.to_string()))?;
    *chosen = Some(signal);
    Ok(())
}

fn is_used_by(signal: i32, user: &'static User) -> io::Result<()> {
    // SAFETY: users are statics.
    match unsafe { ENTRIES[signal as usize].user.load(Acquire).as_ref() } {
        Some(other) if !std::ptr::eq(other, user) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("signal {signal} is used for {}", other.purpose),
        )),
        _ => Ok(()),
    }
}

/// Puts back what was there before [`install`]. If somebody else has installed a handler since, which may call
/// ours, both stay; false then.
pub(crate) fn uninstall(signal: i32) -> bool {
    let mut installed = installed();
    let before = &mut installed[signal as usize];
    let is_ours = |now: libc::sigaction| now.sa_sigaction == handle as *const () as usize;
    if let Some(action) = before
        && action_of(signal).is_ok_and(is_ours)
        && set_action(signal, action).is_ok()
    {
        *before = None;
    }
    before.is_none()
}

/// Sets what happens on `signal`, which has passed [`check`], when nobody uses it; if somebody but `user` does,
/// that is an error as for [`install`]. If `user` does not need it at present, handlers of others on top of ours go, and
/// ours with them.
pub(crate) fn dispose(
    signal: i32,
    disposition: Disposition,
    user: &'static User,
    is_needed: bool,
) -> io::Result<()> {
    let mut installed = installed();
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    let before = &mut installed[signal as usize];
    if before.is_some() {
        is_used_by(signal, user)?;
        ENTRIES[signal as usize].put_before(&action);
        *before = Some(action);
        if is_needed {
            return Ok(());
        }
    }
    set_action(signal, &action)?;
    *before = None;
    Ok(())
}

/// Sends the process `signal` if that is not handled. It came when it was, and nobody was there to hear of it.
pub(crate) fn raise_unhandled(signal: i32) {
    if action_of(signal).is_ok_and(|action| action.sa_sigaction == libc::SIG_DFL) {
        let _sent = raise(signal);
    }
}

/// Sends this process a signal.
pub(crate) fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointer, and cannot fail.
    send(unsafe { libc::getpid() }, signal)
}

/// Sends a process a signal.
pub(crate) fn send(process: i32, signal: i32) -> io::Result<()> {
    // SAFETY: touches no memory.
    match unsafe { libc::kill(process, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The signals that a thread has blocked.
pub(crate) struct Mask(libc::sigset_t);

impl Mask {
    /// The calling thread's, as it has them now.
    pub(crate) fn of_this_thread() -> Mask {
        let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the place for the set is valid.
        unsafe { libc::sigemptyset(mask.as_mut_ptr()) };
        // SAFETY: without a new set nothing changes. It cannot fail, and would leave the set as it is.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, null(), mask.as_mut_ptr()) };
        // SAFETY: an empty set at least.
        Mask(unsafe { mask.assume_init() })
    }

    /// Has the calling thread block these but for `signals`, which it takes.
    pub(crate) fn set_without(&self, signals: impl IntoIterator<Item = i32>) {
        let mut mask = self.0;
        for signal in signals {
            // SAFETY: the set is valid.
            unsafe { libc::sigdelset(&raw mut mask, signal) };
        }
        // SAFETY: the set is valid, and the one before is not asked for. It fails for no valid set.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, null_mut()) };
    }
}

fn action_of(signal: i32) -> io::Result<libc::sigaction> {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action nothing changes, and the place for the old one is valid.
    if unsafe { libc::sigaction(signal, null(), &raw mut action) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(action)
}

fn set_action(signal: i32, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: it has `handle`, which does only what a signal handler may do, or what was there before.
    if unsafe { libc::sigaction(signal, action, null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Entry {
    fn put_before(&self, action: &libc::sigaction) {
        let with_info = action.sa_flags & libc::SA_SIGINFO != 0;
        let mark = if with_info { WITH_INFO } else { 0 };
        self.before.store(action.sa_sigaction | mark, Release);
    }
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let entry = &ENTRIES[signal as usize];
    let errno = errno();
    // SAFETY: users are statics.
    let user = unsafe { entry.user.load(Acquire).as_ref() };
    // SAFETY: takes no pointer, and cannot fail.
    let is_forked = PROCESS.load(Acquire) != unsafe { libc::getpid() };
    // SAFETY: in the handler, with the arguments that it wants, on the interrupted thread.
    let is_taken =
        !is_forked && user.is_some_and(|user| unsafe { (user.on_signal)(signal, context) });
    let before = entry.before.load(Acquire);
    match before & !WITH_INFO {
        _ if is_taken => {}
        libc::SIG_DFL if is_forked => stand_back(signal),
        libc::SIG_DFL | libc::SIG_IGN => {}
        handler if before & WITH_INFO != 0 => {
            type WithInfo = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            // SAFETY: the mark says that it is such a function.
            let handler = unsafe { std::mem::transmute::<usize, WithInfo>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: neither of the two constants, and without the mark it is such a function.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
    set_errno(errno);
}

/// In the handler of a process that was forked off: the default is put back, and done on return from the handler.
fn stand_back(signal: i32) {
    // SAFETY: a structure of numbers, for which zeros are values.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    if set_action(signal, &default).is_ok() {
        let _sent = raise(signal);
    }
}
