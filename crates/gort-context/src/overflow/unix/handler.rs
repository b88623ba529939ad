//! The signal handler: tells an overflow from other faults, and hands the others on.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::io;
use std::mem::{MaybeUninit, transmute};
use std::ptr::{null, null_mut};

use crate::arch;
use crate::overflow::{Overflow, last_words, registry};

/// The signal that a touched guard raises.
pub(super) const SIGNAL: c_int =
    if cfg!(target_os = "macos") { libc::SIGBUS } else { libc::SIGSEGV };

static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));

/// What handled the signal before us; written once, before our handler is in place.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: only read after it has been written for good.
unsafe impl Sync for Before {}

type PlainHandler = unsafe extern "C" fn(c_int);
type InfoHandler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Once in a process.
pub(in crate::overflow) fn install() -> io::Result<()> {
    let before = BEFORE.0.get();
    // SAFETY: asks what is there, and writes it where nobody reads yet.
    check(unsafe { libc::sigaction(SIGNAL, null(), before.cast()) })?;
    // SAFETY: just written.
    let mut ours: libc::sigaction = unsafe { before.cast::<libc::sigaction>().read() };
    // The mask stays: what the handler before us wants blocked is blocked when we call it.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    ours.sa_sigaction = on_fault as InfoHandler as usize;
    // SAFETY: the handler does only what is allowed in one, until it is certain that the process ends.
    check(unsafe { libc::sigaction(SIGNAL, &raw const ours, null_mut()) })
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// # Safety
/// Called by the kernel, as a handler with `SA_SIGINFO`.
unsafe extern "C" fn on_fault(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let me = super::thread_id();
    last_words::cut_short(me);
    // SAFETY: the kernel hands over a valid record.
    let fault = unsafe { &*info };
    let code = fault.si_code;
    // SAFETY: it is such a signal's record. If somebody sent it this is not an address, and is not used.
    let address = unsafe { fault.si_addr() }.addr();
    if code > 0
        && let Some((guard, slot)) = registry::find(address)
    {
        let overflow = Overflow::new(address, guard, slot);
        last_words::say(&overflow, me, |stack, say, data| {
            // SAFETY: nobody else is on this stack.
            unsafe { arch::on_stack(stack, say, data) };
        });
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
            // SAFETY: the kernel's own record, which was in force before.
            unsafe { libc::sigaction(signal, before, null_mut()) };
            if sent {
                // There is no such instruction. The signal is blocked now and arrives when the handler
                // returns.
                // SAFETY: takes no pointer; the signal is blocked until this handler returns.
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
