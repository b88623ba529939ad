//! Interrupting code in place: from a signal handler, have it call a function and go on as if nothing had
//! happened.
//!
//! [`redirect`] changes the registers that the handler will return to. The thread then runs a trampoline on
//! the interrupted stack, which saves everything that code can see, calls the *hook*, restores it and goes
//! back to the very instruction. The hook may switch to other contexts, and the interrupted one may go on on
//! another thread.
//!
//! # What is saved, in which order, and why
//! 1. Nothing is touched within 128 bytes below the stack pointer: the System V ABI lets leaf functions keep
//!    data there, its *red zone*. The handler itself moves the stack pointer below it and puts the interrupted
//!    address there, as a call would have.
//! 2. The flags, before any instruction that changes them.
//! 3. All general registers. The interrupted code was in the middle of a function: none is free.
//! 4. The whole extended state: x87, MXCSR, XMM, YMM, ZMM, opmasks, protection keys. By XSAVEC, or XSAVE, or
//!    FXSAVE on a CPU without; what is enabled and how large it is say CPUID's leaf 0xD and XCR0 (Intel's
//!    manual, volume 1, chapter 13). The area is aligned to 64 bytes and its header zeroed, as XRSTOR faults
//!    on anything else in it. AMX tiles are 8 KiB and left out: code that has some in use is refused.
//! 5. The hook gets what the ABI promises to a function: an aligned stack, the direction flag clear, MXCSR
//!    and the x87 control word at their defaults.
//!
//! All of it is undone in reverse. The way back is `ret 128`: it takes the address off the stack and
//! skips the red zone without a scratch register and without touching the flags. (With a shadow stack, CET,
//! it would fault: there was no call. Linux has it off unless a program asks for it.)
//!
//! # What is not safe to interrupt
//! Whoever redirects moves code at any instruction: within `malloc`, between a load of a thread-local's
//! address and its use, in a switch. [`redirect`] refuses what is outside the program's own text (the C
//! library, the kernel's vdso) and what does not run on a stack of a [`StackPool`](crate::StackPool). The rest
//! is the caller's promise.
//!
//! A backtrace from within the hook ends at the trampoline. A panic that leaves the hook aborts the process.

#[cfg(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux"))]
mod x86_64_linux;
#[cfg(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux"))]
use x86_64_linux as target;

#[cfg(not(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux")))]
mod unsupported;
#[cfg(not(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux")))]
use unsupported as target;

use std::ffi::c_void;
use std::fmt;
use std::io;

/// Why code was not interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It does not run on a stack of a pool: a signal handler's own, a thread's, a foreign one.
    ForeignStack,
    /// Its stack has no room for what is to be saved, and for the hook.
    NoRoom,
    /// It is outside the program's own text.
    ForeignText,
    /// It is about to call the hook, or has just come from it.
    Trampoline,
    /// The signal handler runs on the interrupted stack: it was installed without `SA_ONSTACK`.
    SameStack,
    /// [`prepare`] has not been called, or without success.
    NotPrepared,
    /// It has state that is not saved: AMX tiles.
    TooMuchState,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::ForeignStack => "it does not run on a stack of a pool",
            Refused::NoRoom => "its stack has no room for its registers",
            Refused::ForeignText => "it is in a library",
            Refused::Trampoline => "it is being interrupted already",
            Refused::SameStack => "the signal handler has no stack of its own",
            Refused::NotPrepared => "there is no hook to call",
            Refused::TooMuchState => "it has AMX tiles in use",
        })
    }
}

impl std::error::Error for Refused {}

/// Makes [`redirect`] possible: finds out what this CPU has to save and where the program's text is. `hook`
/// is what interrupted code calls; there is one for the process.
///
/// # Errors
/// `Unsupported` on a target without a trampoline, `AlreadyExists` if there is another hook.
pub fn prepare(hook: extern "C" fn()) -> io::Result<()> {
    target::prepare(hook)
}

/// In a signal handler: has the interrupted code call the hook when the handler returns.
///
/// `reserve` is how many bytes of stack must be left for the hook.
///
/// # Errors
/// If the code cannot be interrupted where it is: then nothing has been changed.
///
/// # Safety
/// `ucontext` is the third argument of the signal handler that calls this, on the thread that was interrupted,
/// after [`prepare`]. It is right to call the hook at the interrupted instruction: the code holds nothing
/// that the hook uses, and nothing that is bound to its thread if the hook lets it go on on another.
pub unsafe fn redirect(ucontext: *mut c_void, reserve: usize) -> Result<(), Refused> {
    // SAFETY: the same contract.
    unsafe { target::redirect(ucontext, reserve) }
}
