//! Interrupting code in place: from a signal handler, have it call a function and go on as if nothing had
//! happened. On Windows, where there are none, from another thread that has suspended it.
//!
//! [`redirect`] changes the registers that the handler will return to. The thread then runs a trampoline on
//! the interrupted stack, which saves everything that code can see, calls the *hook*, restores it and goes
//! back to the very instruction. The hook may switch to other contexts, and the interrupted one may go on on
//! another thread.
//!
#![cfg_attr(unix, doc = "```no_run")]
#![cfg_attr(not(unix), doc = "```ignore")]
//! use gort_context::preempt;
//! use std::ffi::{c_int, c_void};
//!
//! extern "C" fn hook(_interrupted: &preempt::Registers) {
//!     // Runs on the interrupted stack, outside the signal handler.
//! }
//!
//! extern "C" fn on_signal(_: c_int, _: *mut c_void, context: *mut c_void) {
//!     // What is refused is left as it was; try again later, or elsewhere.
//!     let _ = unsafe { preempt::redirect(context, 16 << 10) };
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! preempt::prepare(hook)?;
//! // ... install `on_signal` with SA_SIGINFO | SA_ONSTACK | SA_RESTART, and on each thread an `AltStack` ...
//! # Ok(()) }
//! ```
//!
//! On Windows that other thread calls `SuspendThread`, then `GetThreadContext` with `CONTEXT_CONTROL` and
//! `CONTEXT_EXCEPTION_REQUEST`, which also waits until the thread is suspended; then [`redirect`] with the `CONTEXT`, and if
//! that is not refused `SetThreadContext`; then `ResumeThread`. Until then the suspended thread may hold any lock there is, that of
//! the heap included, so in between nothing is allocated.
//!
//! # What is saved, in which order, and why
//! On x86-64:
//!
//! 1. Nothing is touched within 128 bytes below the stack pointer: the System V ABI (section 3.2.2) lets leaf
//!    functions keep data there, its *red zone*. The handler itself moves the stack pointer below it and puts
//!    the interrupted address there, as a call would have: on return from the signal the red zone is out of
//!    reach before the first instruction. Windows has no red zone; there the address goes right below the stack
//!    pointer, unless that is the guard page: only the stack's own thread may touch it.
//! 2. The flags, before any instruction that changes them.
//! 3. All general registers. The interrupted code was in the middle of a function: none is free.
//! 4. The whole extended state: x87, MXCSR, XMM, YMM, ZMM, opmasks, protection keys, and what later
//!    processors add. By XSAVEC, or XSAVE, or FXSAVE on a CPU without; what is enabled and how large it is say
//!    CPUID's leaf 0xD and XCR0 (Intel's manual, volume 1, chapter 13), asked once, by [`prepare`]. The area is
//!    aligned to 64 bytes and its header zeroed, as XRSTOR faults on anything else in it.
//! 5. The hook gets what the ABI promises to a function: an aligned stack, the direction flag clear, MXCSR
//!    and the x87 control word at their defaults, an empty x87 stack. The upper halves of the YMM registers
//!    are cleared (VZEROUPPER): code without AVX, in the hook and in whatever it switches to, would run
//!    slowly beside them.
//!
//! All of it is undone in reverse. The way back is `ret 128`: it takes the address off the stack and
//! skips the red zone without a scratch register and without touching the flags. (The processor's predictor
//! of returns is wrong about it, once per interruption.)
//!
//! Left out are AMX tiles: they are 8 KiB, and code that has some in use, or a tile configuration, is refused; on Windows by
//! the trampoline, which then does not call the hook.
//! Other code may find another one's tiles after the hook. That does no harm: it cannot read any before it
//! has loaded a configuration, and LDTILECFG zeroes them.
//!
//! A shadow stack (CET) would have the `ret` fault, as there was no call. Linux and Windows have
//! them off unless the program asks for them, on Linux with all of its libraries; [`prepare`] refuses then.
//!
//! On AArch64 the frame that the kernel has made for the handler is copied to the interrupted stack: registers,
//! flags, vectors and SVE's; and the way back is `rt_sigreturn`, which puts all of it back without a scratch
//! register. What belongs to the thread stays with it: the alternate stack, and the mask of signals, which takes one more system
//! call. Code with SME's state in use, and a kernel that saves what is not known here, are refused. It takes
//! 4.6 KiB of stack, and with SVE what that takes beyond 3.5 KiB.
//!
//! On x86-64, with AVX-512, that is 2.7 KiB of stack, and of the 2.3 µs from a signal to the hook and back 0.3: the rest
//! is the kernel's.
//!
//! # What is not safe to interrupt
//! Whoever redirects moves code at any instruction. [`redirect`] refuses
//! * what is not in the text of the program (or shared library) that this crate is linked into: the C library
//!   with its allocator and its locks, the dynamic linker, the kernel's vdso;
//! * what does not run on a stack of a [`StackPool`](crate::StackPool), or too near its end;
//! * the trampoline itself, on the way in and on the way out.
//!
//! The rest is the caller's promise. To be watched for:
//! * [`switch()`](crate::switch()) and [`on_stack`](crate::on_stack) are in the program's text, inlined
//!   anywhere. Registers survive an interruption there too, but whose stack it is may be for the hook to tell
//!   wrong: whoever switches says so in a flag of the thread's, and the handler looks at it.
//! * The same for the hook: it may be interrupted in turn, before it says that it runs and after. Each time
//!   takes another frame, until there is no room.
//! * `errno`, which the interrupted code may be about to read: the hook leaves it as it was.
//! * Code between a load of a thread-local's address and its use, if the hook may move it to another thread. The hook
//!   is shown the [registers](Registers), so it can tell whether one of them holds such an address.
//! * Locks, if what the hook switches to may want them. A C library that is linked statically, or an
//!   allocator written in Rust, is in the program's text too.
//!
//! System calls are not at risk: the signal interrupts them first, and the kernel has put the outcome, or the
//! address to start again from, into the registers that are saved. On Windows they are made in a system library, which is
//! refused, as is what the kernel says it has to do with the thread still.
//!
//! A thread that suspends another one on Windows must not be ended before it resumes it. `ExitProcess` ends all threads but
//! its caller: if that is the one that is being suspended, nobody is left to resume it, and the process hangs. (`gort` holds
//! the loader's lock meanwhile, which `ExitProcess` takes first.)
//!
//! # Unwinding
//! The trampoline's frame is described as that of a signal, on Windows as any other. `std::backtrace` in the hook and debuggers go on
//! through it to the interrupted instruction and its callers. The hook is `extern "C"`: a panic that would
//! leave it aborts the process instead.

#[cfg(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux"))]
#[path = "x86_64_linux.rs"]
mod target;
#[cfg(all(not(feature = "threads"), target_arch = "aarch64", target_os = "linux"))]
#[path = "aarch64_linux.rs"]
mod target;
#[cfg(all(not(feature = "threads"), target_arch = "x86_64", windows))]
#[path = "x86_64_windows.rs"]
mod target;
#[cfg(not(all(
    not(feature = "threads"),
    any(
        all(any(target_arch = "x86_64", target_arch = "aarch64"), target_os = "linux"),
        all(target_arch = "x86_64", windows),
    ),
)))]
#[path = "unsupported.rs"]
mod target;

use std::ffi::c_void;
use std::fmt;
use std::io;
use std::ops::Range;

/// Why code was not interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It does not run on a stack of a pool: a signal handler's own, a thread's, a foreign one.
    ForeignStack,
    /// Its stack has no room for what is to be saved, and for the hook; on Windows also: its next word is in a page
    /// that nobody has touched yet.
    NoRoom,
    /// It is outside the program's own text, or the kernel is not done with it.
    ForeignText,
    /// It is about to call the hook, or has just come from it.
    Trampoline,
    /// The signal handler, or who calls in its place, runs on the interrupted stack: it was installed without `SA_ONSTACK`.
    SameStack,
    /// [`prepare`] has not been called, or without success.
    NotPrepared,
    /// It has state that is not saved: AMX tiles, SME's, what a kernel saves on AArch64 and is not known here.
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
            Refused::TooMuchState => "it has state in use that is not saved",
        })
    }
}

impl std::error::Error for Refused {}

/// What interrupted code calls, on its own stack.
pub type Hook = extern "C" fn(&Registers);

/// The general registers of interrupted code, but for its stack pointer.
#[repr(transparent)]
#[derive(Debug)]
pub struct Registers([usize; target::REGISTERS]);

impl Registers {
    /// Is one of them an address in `range`?
    pub fn point_into(&self, range: &Range<usize>) -> bool {
        self.0.iter().any(|word| range.contains(word))
    }

    /// Is the interrupted code perhaps about to access the [carried word](crate::carried), and has found out already where
    /// the calling thread has it? If it goes on on another thread it gets this one's.
    pub fn lead_to_carried_word(&self) -> bool {
        target::on_the_way().iter().any(|word| self.0.contains(word))
    }
}

/// Makes [`redirect`] possible: finds out what this CPU has to save and where the program's text is. `hook`
/// is what interrupted code calls; there is one for the process.
///
/// # Errors
/// `Unsupported` on a target without a trampoline and with shadow stacks, `AlreadyExists` if there is another
/// hook.
pub fn prepare(hook: Hook) -> io::Result<()> {
    target::prepare(hook)
}

/// In a signal handler: has the interrupted code call the hook when the handler returns. On Windows: while a thread is
/// suspended, has it call the hook when it is resumed with what is left in `context`.
///
/// `reserve` is how many bytes of stack must be left for the hook. Async-signal-safe; leaves `errno` alone.
///
/// # Errors
/// If the code cannot be interrupted where it is: then nothing has been changed.
///
/// # Safety
/// `context` is the third argument of the signal handler that calls this, on the thread that was interrupted; on Windows a
/// `CONTEXT` with the control registers of a thread that is suspended, and will go on with what this makes of it.
/// That is after [`prepare`]. It is right to call the hook at the interrupted instruction: the code holds nothing
/// that the hook uses, and nothing that is bound to its thread if the hook lets it go on on another.
pub unsafe fn redirect(context: *mut c_void, reserve: usize) -> Result<(), Refused> {
    // SAFETY: the same contract.
    unsafe { target::redirect(context, reserve) }
}

#[cfg(all(test, not(feature = "threads")))]
mod tests {
    use super::{Registers, target};

    /// Between two instructions that reach for the carried word.
    #[test]
    fn what_leads_to_the_carried_word() {
        for word in target::on_the_way() {
            for register in 0..target::REGISTERS {
                let mut registers = Registers([0; target::REGISTERS]);
                assert!(!registers.lead_to_carried_word());
                registers.0[register] = word;
                assert!(registers.lead_to_carried_word());
            }
            let other = std::thread::spawn(|| target::on_the_way().to_vec()).join().unwrap();
            assert!(!other.contains(&word), "{word:#x} is not this thread's only");
        }
    }
}
