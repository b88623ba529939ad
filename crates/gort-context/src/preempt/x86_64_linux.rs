//! x86-64 Linux.

#[path = "place.rs"]
mod place;
#[path = "text/mod.rs"]
mod text;
#[path = "x86_64.rs"]
mod x86_64;

use super::{Hook, Refused};
pub(super) use crate::arch::carried::on_the_way;
use std::arch::naked_asm;
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::Ordering::*;
pub(super) use x86_64::REGISTERS;
use x86_64::{
    ALIGNMENT, AVX, BY_XSAVE, DEFAULT_MXCSR, GENERAL, HOOK, HOW, LEGACY, MASK, SIZE, TILES,
    restore_extended, save_extended,
};

#[cfg(test)]
#[path = "x86_64/tests.rs"]
mod tests;

const RED_ZONE: usize = 128;
/// Where the trampoline puts MXCSR to load it; a multiple of 16, so that the hook's stack is aligned.
const SCRATCH: usize = 16;
/// As after `fninit`.
#[cfg(test)]
const DEFAULT_X87: u16 = 0x37f;
/// Functions have none in their caller's frame.
#[cfg(test)]
const HOME_SPACE: usize = 0;
/// What the assembler fills the trampoline up to; it complains if that is too little.
const TRAMPOLINE_LEN: usize = 320;

pub(super) fn prepare(hook: Hook) -> io::Result<()> {
    x86_64::prepare(hook)?;
    text::find(trampoline as *const () as usize);
    Ok(())
}

pub(super) unsafe fn redirect(ucontext: *mut c_void, reserve: usize) -> Result<(), Refused> {
    // SAFETY: by the caller's promise this is the interrupted thread's context, and only ours meanwhile.
    let context = unsafe { &mut (*ucontext.cast::<libc::ucontext_t>()).uc_mcontext };
    let sp = context.gregs[libc::REG_RSP as usize] as usize;
    let ip = context.gregs[libc::REG_RIP as usize] as usize;
    let start = trampoline as *const () as usize;
    let stack = place::stack_of(ip, sp, ucontext, start..start + TRAMPOLINE_LEN)?;
    let frame = RED_ZONE + GENERAL + ALIGNMENT + SIZE.load(Relaxed) + SCRATCH;
    if sp.saturating_sub(frame).saturating_sub(reserve) < stack.start {
        return Err(Refused::NoRoom);
    }
    // Where the extended state lies comes behind the general registers. With musl it has no name.
    let state = (&raw const *context).cast::<[i64; 23]>().wrapping_add(1).cast::<*const u8>();
    // SAFETY: inside the record, by the kernel's layout of it.
    let state = unsafe { state.read() };
    // SAFETY: the kernel has put the extended state there.
    if unsafe { has_tiles(state) } {
        return Err(Refused::TooMuchState);
    }
    let sp = sp - RED_ZONE - size_of::<usize>();
    let slot = ptr::with_exposed_provenance_mut::<usize>(sp);
    // Assembly may have its stack pointer anywhere, so the slot need not be aligned.
    // SAFETY: below the red zone of the interrupted code, and inside its stack.
    unsafe { slot.write_unaligned(ip) };
    context.gregs[libc::REG_RSP as usize] = sp as i64;
    context.gregs[libc::REG_RIP as usize] = trampoline as *const () as i64;
    Ok(())
}

/// Were there AMX tiles in use?
///
/// # Safety
/// `state` is where the kernel has saved a thread's extended state for a signal handler, or null.
unsafe fn has_tiles(state: *const u8) -> bool {
    /// Where the kernel says that there is more than the legacy area, and how.
    const MAGIC_AT: usize = 464;
    const MAGIC: u32 = 0x4650_5853;
    if state.is_null() {
        return false;
    }
    // SAFETY: within the legacy area.
    let magic = unsafe { state.wrapping_add(MAGIC_AT).cast::<u32>().read_unaligned() };
    if magic != MAGIC {
        return false;
    }
    // SAFETY: the header follows the legacy area.
    let in_use = unsafe { state.wrapping_add(LEGACY).cast::<u64>().read_unaligned() };
    in_use & TILES != 0
}

/// Runs below the red zone of the interrupted code, with the address to go back to on top of the stack.
///
/// ```text
///   0x7f00_0003_f108       the interrupted stack pointer, the CFA
///   0x7f00_0003_f088       its red zone, 128 bytes
///   0x7f00_0003_f080       where to go back to, put there by `redirect`    <── rsp at the first instruction
///   0x7f00_0003_f078       flags
///   0x7f00_0003_f000  ...  rax, rcx, rdx, rbx, rbp, rsi, rdi, r8 to r15    <── rbp during the call
///   0x7f00_0003_e680  ...  save area, aligned to 64; 2,432 bytes with AVX-512
///   0x7f00_0003_e670       16 bytes from which MXCSR is loaded             <── rsp at the call
/// ```
///
/// The frame is described to unwinders: where each register lies, and that the interrupted instruction was no
/// call (`.cfi_signal_frame`), so that they do not look for its caller one byte before it.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_def_cfa rsp, {red_zone} + 8",
        ".cfi_offset rip, -({red_zone} + 8)",
        "2:",
        "pushfq",
        ".cfi_adjust_cfa_offset 8",
        ".irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15",
        "push \\register",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset \\register, 0",
        ".endr",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        save_extended!(),
        "mov rdi, rbp",
        "call qword ptr [rip + {hook}]",
        restore_extended!(),
        "mov rsp, rbp",
        ".cfi_def_cfa_register rsp",
        ".irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax",
        "pop \\register",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_same_value \\register",
        ".endr",
        "popfq",
        ".cfi_adjust_cfa_offset -8",
        "ret {red_zone}",
        ".org 2b + {len}, 0xcc",
        ".cfi_endproc",
        size = sym SIZE,
        mask = sym MASK,
        how = sym HOW,
        hook = sym HOOK,
        by_xsave = const BY_XSAVE,
        red_zone = const RED_ZONE,
        legacy = const LEGACY,
        alignment = const ALIGNMENT,
        scratch = const SCRATCH,
        mxcsr = const DEFAULT_MXCSR,
        avx = const AVX,
        len = const TRAMPOLINE_LEN,
    )
}
