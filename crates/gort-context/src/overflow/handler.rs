//! The signal handler: tells an overflow from other faults, and hands the others on.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::mem::{MaybeUninit, transmute};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use super::{Overflow, Stderr, last_words, registry};

/// The signal that a touched guard raises.
const SIGNAL: c_int = if cfg!(target_os = "macos") { libc::SIGBUS } else { libc::SIGSEGV };

/// A `fn(&Overflow)`.
static REPORT: AtomicPtr<()> = AtomicPtr::new(null_mut());
/// The thread that is writing its last words.
static REPORTER: AtomicI32 = AtomicI32::new(0);
static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));

/// What handled the signal before us; written once, before our handler is in place.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: only read after it has been written for good.
unsafe impl Sync for Before {}

type PlainHandler = unsafe extern "C" fn(c_int);
type InfoHandler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);

pub(super) fn install(report: fn(&Overflow)) -> io::Result<()> {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    REPORT.store(report as *mut (), Ordering::Release);
    if *done {
        return Ok(());
    }
    last_words::prepare()?;
    let before = BEFORE.0.get();
    // SAFETY: asks what is there, and writes it where nobody reads yet.
    check(unsafe { libc::sigaction(SIGNAL, null(), before.cast()) })?;
    // SAFETY: just written.
    let mut ours: libc::sigaction = unsafe { before.cast::<libc::sigaction>().read() };
    // The mask stays: what the handler before us wants blocked is blocked when we call it.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    ours.sa_sigaction = on_fault as InfoHandler as usize;
    // SAFETY: the handler does only what is allowed in one, until it is certain that the process ends.
    check(unsafe { libc::sigaction(SIGNAL, &raw const ours, null_mut()) })?;
    *done = true;
    Ok(())
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn thread_id() -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: asks for a number.
    return unsafe { libc::gettid() };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: asks for a number; its low bits do.
    return unsafe { libc::pthread_self() } as i32;
}

unsafe extern "C" fn on_fault(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let me = thread_id();
    if REPORTER.load(Ordering::Relaxed) == me {
        last_words::abort_with("a fault while reporting the stack overflow; aborting\n");
    }
    // SAFETY: the kernel hands over a valid record.
    let fault = unsafe { &*info };
    let code = fault.si_code;
    // SAFETY: it is such a signal's record. If somebody sent it this is not an address, and is not used.
    let address = unsafe { fault.si_addr() }.addr();
    if code > 0
        && let Some((guard, slot)) = registry::find(address)
    {
        if REPORTER.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            // Another thread is at it, and will end the process.
            loop {
                // SAFETY: waits.
                unsafe { libc::pause() };
            }
        }
        let report = REPORT.load(Ordering::Acquire);
        // SAFETY: set by `install`, before the handler was there.
        let report = unsafe { transmute::<*mut (), fn(&Overflow)>(report) };
        let overflow = Overflow { address, stack: guard.end..slot.end, size: slot.len() };
        last_words::say(&overflow, report);
    }
    // SAFETY: the arguments are those of a handler.
    unsafe { hand_on(signal, info, context, code) };
}

/// # Safety
/// Called in a signal handler, with its arguments.
unsafe fn hand_on(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    code: c_int,
) {
    // SAFETY: written before the handler was installed, and not since.
    let before = unsafe { &*BEFORE.0.get().cast::<libc::sigaction>() };
    let sent = code <= 0;
    match before.sa_sigaction {
        libc::SIG_IGN if sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // The instruction that faulted is run again, and this time the kernel does what it does without
            // us.
            // SAFETY: puts back what was there.
            unsafe { libc::sigaction(signal, before, null_mut()) };
            if sent {
                // There is no such instruction. The signal is blocked now and arrives when the handler
                // returns.
                // SAFETY: a signal to this thread.
                unsafe { libc::raise(signal) };
            }
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: a handler's address by the kernel's own record, of the kind that the flag says.
            let handler = unsafe { transmute::<usize, InfoHandler>(handler) };
            // SAFETY: called as the kernel would.
            unsafe { handler(signal, info, context) };
        }
        handler => {
            // SAFETY: as above.
            let handler = unsafe { transmute::<usize, PlainHandler>(handler) };
            // SAFETY: called as the kernel would.
            unsafe { handler(signal) };
        }
    }
}

/// Lets this thread receive `signal`, which may be blocked because its handler is running.
pub(super) fn unblock(signal: c_int) {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: initializes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: adds to an initialized set.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    // SAFETY: changes this thread's mask.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), null_mut()) };
}

/// Sets a handler that takes no notice of what was there before.
pub(super) fn take_over(signal: c_int, handler: PlainHandler) {
    // SAFETY: all zeros is a valid record: no flags, nothing blocked.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: the process is about to end, and the handler only sees to that.
    unsafe { libc::sigaction(signal, &raw const action, null_mut()) };
}

pub(super) fn signal() -> c_int {
    SIGNAL
}

pub(super) fn write(text: fmt::Arguments<'_>) {
    // Nobody is left to be told that standard error is closed.
    let _ = fmt::Write::write_fmt(&mut Stderr, text);
}
