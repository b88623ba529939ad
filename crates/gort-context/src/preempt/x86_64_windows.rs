//! x86-64 Windows.
//!
//! Nobody is interrupted by a signal here: another thread suspends the one that is to be interrupted. The stack is that
//! of Windows, too, which grows by a page when the guard is touched, and only under the thread whose stack it is
//! (see `stack/windows.rs`).

#[path = "place.rs"]
mod place;
#[path = "text/mod.rs"]
mod text;
#[path = "x86_64.rs"]
mod x86_64;

use super::{Hook, Refused};
pub(super) use crate::arch::carried::on_the_way;
use crate::stack::{are_used, pages_at};
use std::arch::naked_asm;
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::*};
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, CONTEXT_EXCEPTION_ACTIVE_AMD64, CONTEXT_EXCEPTION_REPORTING_AMD64,
    CONTEXT_SERVICE_ACTIVE_AMD64,
};
pub(super) use x86_64::REGISTERS;
use x86_64::{
    ALIGNMENT, AVX, BY_XSAVE, DEFAULT_MXCSR, GENERAL, HOOK, HOW, LEGACY, MASK, SIZE, TILES,
    restore_extended, save_extended,
};

#[cfg(test)]
#[path = "x86_64/tests.rs"]
mod tests;

/// Below the stack pointer nothing is anybody's.
#[cfg(test)]
const RED_ZONE: usize = 0;
/// What a function may use of its caller's frame.
const HOME_SPACE: usize = 32;
/// The trampoline puts control words there to load them, before it is the hook's.
const SCRATCH: usize = HOME_SPACE;
/// 53 bits of precision.
const DEFAULT_X87: u16 = 0x27f;
/// What the assembler fills the trampoline up to; it complains if that is too little.
const TRAMPOLINE_LEN: usize = 384;
const PAGE: usize = 4096;

/// Are there AMX tiles?
static HAS_TILES: AtomicBool = AtomicBool::new(false);

pub(super) fn prepare(hook: Hook) -> io::Result<()> {
    x86_64::prepare(hook)?;
    HAS_TILES.store(x86_64::has_tiles(), SeqCst);
    text::find(trampoline as *const () as usize);
    Ok(())
}

pub(super) unsafe fn redirect(context: *mut c_void, reserve: usize) -> Result<(), Refused> {
    // SAFETY: by the caller's promise these are the interrupted thread's registers, and only ours meanwhile.
    let registers = unsafe { &mut *context.cast::<CONTEXT>() };
    let (ip, sp) = (registers.Rip as usize, registers.Rsp as usize);
    let start = trampoline as *const () as usize;
    let stack = place::stack_of(ip, sp, context, start..start + TRAMPOLINE_LEN)?;
    if is_under_way(registers) {
        return Err(Refused::ForeignText);
    }
    let frame = GENERAL + ALIGNMENT + SIZE.load(Relaxed) + SCRATCH;
    if sp.saturating_sub(frame).saturating_sub(reserve) < stack.start {
        return Err(Refused::NoRoom);
    }
    let sp = sp - size_of::<usize>();
    let slot = ptr::with_exposed_provenance_mut::<usize>(sp);
    if !pages_at(slot.cast()).is_some_and(|pages| are_used(&pages)) {
        // The guard, which is for the stack's own thread to touch.
        return Err(Refused::NoRoom);
    }
    // Assembly may have its stack pointer anywhere, so the slot need not be aligned.
    // SAFETY: below the stack pointer of the interrupted code, inside its stack, in memory that is there.
    unsafe { slot.write_unaligned(ip) };
    registers.Rsp = sp as u64;
    registers.Rip = start as u64;
    Ok(())
}

/// Is the kernel about to do something with the thread, for which it has read the registers already? It says so to those who
/// ask by `CONTEXT_EXCEPTION_REQUEST`.
fn is_under_way(registers: &CONTEXT) -> bool {
    const ACTIVE: u32 = CONTEXT_EXCEPTION_ACTIVE_AMD64 | CONTEXT_SERVICE_ACTIVE_AMD64;
    registers.ContextFlags & CONTEXT_EXCEPTION_REPORTING_AMD64 != 0
        && registers.ContextFlags & ACTIVE != 0
}

/// Runs with the address to go back to on top of the stack.
///
/// ```text
///   0x0200_0003_f088       the interrupted stack pointer
///   0x0200_0003_f080       where to go back to, put there by `redirect`    <── rsp at the first instruction
///   0x0200_0003_f078       flags
///   0x0200_0003_f000  ...  rbp, rax, rcx, rdx, rbx, rsi, rdi, r8 to r15    <── rbp during the call
///   0x0200_0003_e680  ...  save area, aligned to 64; 2,432 bytes with AVX-512
///   0x0200_0003_e660       home space of the hook                          <── rsp at the call
/// ```
///
/// The frame is described to unwinders as any other: they take an address to return to as it is, whatever is there.
///
/// Tiles are not seen before: the kernel tells what the registers are, and not what is in use. Where they are, the
/// hook is not called.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".seh_proc {trampoline}",
        "2:",
        "pushfq",
        ".seh_stackalloc 8",
        ".irp register, rbp, rax, rcx, rdx, rbx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15",
        "push \\register",
        ".seh_pushreg \\register",
        ".endr",
        "mov rbp, rsp",
        ".seh_setframe rbp, 0",
        ".seh_endprologue",
        "cmp byte ptr [rip + {has_tiles}], 0",
        "je 3f",
        "mov ecx, 1", // which parts of the state are in use
        "xgetbv",
        "test eax, {tiles}",
        "jnz 9f",
        "3:",
        // The stack's guard is a page, and must not be skipped.
        "mov rcx, qword ptr [rip + {size}]",
        "add rcx, {alignment}",
        "mov rdx, rsp",
        "4:",
        "sub rcx, {page}",
        "jbe 5f",
        "sub rdx, {page}",
        "test byte ptr [rdx], 0",
        "jmp 4b",
        "5:",
        save_extended!(),
        "mov word ptr [rsp], {x87}",
        "fldcw word ptr [rsp]",
        "mov rcx, rbp",
        "call qword ptr [rip + {hook}]",
        restore_extended!(),
        "9:",
        "mov rsp, rbp",
        ".irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbx, rdx, rcx, rax, rbp",
        "pop \\register",
        ".endr",
        "popfq",
        "ret",
        ".org 2b + {len}, 0xcc",
        ".seh_endproc",
        trampoline = sym trampoline,
        has_tiles = sym HAS_TILES,
        tiles = const TILES,
        size = sym SIZE,
        mask = sym MASK,
        how = sym HOW,
        hook = sym HOOK,
        page = const PAGE,
        by_xsave = const BY_XSAVE,
        legacy = const LEGACY,
        alignment = const ALIGNMENT,
        scratch = const SCRATCH,
        mxcsr = const DEFAULT_MXCSR,
        x87 = const DEFAULT_X87,
        avx = const AVX,
        len = const TRAMPOLINE_LEN,
    )
}
