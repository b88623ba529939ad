//! AArch64 Linux: the frame that the kernel has made for the signal handler is copied to the interrupted stack, and
//! the way back is the system call by which handlers return.
//!
//! ```text
//!   0x7f00_0003_f100       the interrupted stack pointer
//!   0x7f00_0003_deb0  ...  the kernel's frame: registers, flags, vectors       <── sp in the trampoline
//! ```
//!
//! So nothing is saved twice, all that the kernel knows of is saved, the scalable vectors (SVE) included, and all of it
//! comes back at once: no register is needed to go back with. A frame with records that are not known here
//! is refused; and so is SME's state, which has more to it than a frame.

#[path = "place.rs"]
mod place;
#[path = "text/mod.rs"]
mod text;

pub(super) use crate::arch::carried::on_the_way;

use super::{Hook, Refused};
use std::arch::naked_asm;
use std::ffi::c_void;
use std::io;
use std::mem::{offset_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::*};

static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// What lies below the registers in the kernel's frame: the signal's record.
const INFO: usize = size_of::<libc::siginfo_t>();
/// Where the kernel's frame has the stack that handlers run on.
const ALTERNATE_STACK: usize = INFO + offset_of!(libc::ucontext_t, uc_stack);
/// x0 to x30.
pub(super) const REGISTERS: usize = 31;
/// What the trampoline's code takes up.
const TRAMPOLINE_LEN: usize = 76;
/// The part of the flags that says by which kind of branch the instruction was reached.
const BRANCH_TYPE: u64 = 3 << 10;

pub(super) fn prepare(hook: Hook) -> io::Result<()> {
    let hook = hook as *mut ();
    let set = HOOK.compare_exchange(ptr::null_mut(), hook, SeqCst, SeqCst);
    if set.is_err_and(|other| other != hook) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is another hook"));
    }
    text::find(trampoline as *const () as usize);
    Ok(())
}

pub(super) unsafe fn redirect(ucontext: *mut c_void, reserve: usize) -> Result<(), Refused> {
    let interrupted = ucontext.cast::<libc::ucontext_t>();
    // SAFETY: by the caller's promise this is the interrupted thread's context, and only ours meanwhile.
    let context = unsafe { &mut (*interrupted).uc_mcontext };
    let (sp, ip) = (context.sp as usize, context.pc as usize);
    let start = trampoline as *const () as usize;
    let stack = place::stack_of(ip, sp, ucontext, start..start + TRAMPOLINE_LEN)?;
    // SAFETY: the kernel has made the frame.
    let records = unsafe { Records::of(interrupted) }.ok_or(Refused::TooMuchState)?;
    let len = records.end - ucontext.addr();
    let frame = sp.saturating_sub(INFO + len) & !15;
    if frame.saturating_sub(reserve) < stack.start {
        return Err(Refused::NoRoom);
    }
    let copy = ptr::with_exposed_provenance_mut::<u8>(frame + INFO);
    // SAFETY: the kernel's frame goes as far as that. The copy lies below the interrupted code's stack pointer,
    // inside its stack.
    unsafe { ptr::copy_nonoverlapping(ucontext.cast::<u8>(), copy, len) };
    if let Some(pointer) = records.extra_pointer {
        let moved = (frame + INFO).wrapping_sub(ucontext.addr());
        let at = copy.wrapping_add(pointer.addr() - ucontext.addr()).cast::<u64>();
        // SAFETY: in the copy, where the pointer to what lies behind is.
        let behind = unsafe { at.read() };
        // SAFETY: as above.
        unsafe { at.write(behind.wrapping_add(moved as u64)) };
    }
    context.sp = frame as u64;
    context.pc = trampoline as *const () as u64;
    context.pstate &= !BRANCH_TYPE;
    // What the ABI promises to the hook.
    // SAFETY: in the kernel's frame.
    unsafe { records.fpcr.write(0) };
    Ok(())
}

/// What the kernel's frame has besides the general registers.
struct Records {
    /// The control word for floating-point.
    fpcr: *mut u32,
    /// Where the frame ends.
    end: usize,
    /// What points to the part of it that the kernel could not fit in where the rest is.
    extra_pointer: Option<*mut u64>,
}

impl Records {
    /// None: there is something that is not known here.
    ///
    /// # Safety
    /// `ucontext` is what the kernel has passed to a signal handler.
    unsafe fn of(ucontext: *mut libc::ucontext_t) -> Option<Records> {
        // As the kernel names them.
        const FPSIMD: u32 = 0x4650_8001;
        const ESR: u32 = 0x4553_5201;
        const EXTRA: u32 = 0x4558_5401;
        const SVE: u32 = 0x5356_4501;
        const TPIDR2: u32 = 0x5450_4902;
        const ZA: u32 = 0x5436_6345;
        const FPMR: u32 = 0x4650_4d52;
        /// Behind the general registers, sp, pc and flags, at a multiple of 16.
        const FIRST: usize =
            (offset_of!(libc::ucontext_t, uc_mcontext) + 35 * 8).next_multiple_of(16);
        let end = ucontext.addr() + size_of::<libc::ucontext_t>();
        let mut records = Records { fpcr: ptr::null_mut(), end, extra_pointer: None };
        let mut at = ucontext.cast::<u8>().wrapping_add(FIRST);
        loop {
            // SAFETY: each record begins with what it is and its length; an empty one is the last.
            let [kind, len] = unsafe { at.cast::<[u32; 2]>().read() };
            let body = at.wrapping_add(8);
            match kind {
                0 => break,
                FPSIMD => records.fpcr = body.cast::<u32>().wrapping_add(1),
                // Records go on there.
                EXTRA => {
                    let pointer = body.cast::<u64>();
                    records.extra_pointer = Some(pointer);
                    // SAFETY: the record has a pointer, and the length of what it points to.
                    let start = unsafe { pointer.read() } as usize;
                    // SAFETY: as above.
                    let len = unsafe { pointer.wrapping_add(1).cast::<u32>().read() };
                    records.end = records.end.max(start + len as usize);
                    at = ptr::with_exposed_provenance_mut(start);
                    continue;
                }
                ESR | FPMR => {}
                // Not those of SME's streaming mode.
                // SAFETY: the record begins with a length and flags, of 16 bits each.
                SVE if unsafe { body.cast::<u16>().wrapping_add(1).read() } & 1 == 0 => {}
                // Of SME, and not in use: a record without contents, and a null.
                ZA if len == 16 => {}
                // SAFETY: the record has one word.
                TPIDR2 if unsafe { body.cast::<u64>().read() } == 0 => {}
                _ => return None,
            }
            at = at.wrapping_add(len as usize);
        }
        (!records.fpcr.is_null()).then_some(records)
    }
}

/// Runs at the lower end of the copied frame.
///
/// The two instructions behind the first call are by what unwinders and debuggers know a signal's frame: that call
/// returns to them, so that they go on with the interrupted instruction.
///
/// Two things in the frame are the thread's, and by then the thread may be another. In place of the alternate stack
/// there is something that the kernel refuses, which leaves it as it is. And the mask of signals is asked for anew, in
/// here, where nobody is interrupted any more and goes on on yet another thread.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        "2:",
        "mov w9, #-1",
        "str w9, [sp, #{flags}]",
        "add x0, sp, #{registers}",
        "bl 3f",
        "mov x8, #{sigreturn}",
        "svc #0",
        "3:",
        ".cfi_startproc",
        "stp x29, x30, [sp, #-16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "mov x29, sp",
        "adrp x9, {hook}",
        "ldr x9, [x9, :lo12:{hook}]",
        "blr x9",
        "mov x0, #{block}",
        "mov x1, #0", // no more than there are
        "add x2, sp, #16 + {mask}",
        "mov x3, #8",
        "mov x8, #{sigprocmask}",
        "svc #0",
        "ldp x29, x30, [sp], #16",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "ret",
        ".cfi_endproc",
        ".org 2b + {len}",
        hook = sym HOOK,
        registers = const INFO + offset_of!(libc::ucontext_t, uc_mcontext) + offset_of!(libc::mcontext_t, regs),
        flags = const ALTERNATE_STACK + offset_of!(libc::stack_t, ss_flags),
        mask = const INFO + offset_of!(libc::ucontext_t, uc_sigmask),
        block = const libc::SIG_BLOCK,
        sigprocmask = const libc::SYS_rt_sigprocmask,
        sigreturn = const libc::SYS_rt_sigreturn,
        len = const TRAMPOLINE_LEN,
    )
}
