//! x86-64 Linux.

use super::{Refused, place, text};
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::arch::{asm, naked_asm};
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

#[cfg(test)]
#[path = "x86_64_linux/tests.rs"]
mod tests;

const RED_ZONE: usize = 128;
/// The return address, the flags and the general registers.
const GENERAL: usize = 17 * 8;
/// The legacy area and the header: what every save area begins with.
const LEGACY: usize = 512;
const HEADER: usize = 64;
/// What XSAVE and XRSTOR want their area to be aligned to.
const ALIGNMENT: usize = 64;
/// Where the trampoline puts MXCSR to load it; a multiple of 16, so that the hook's stack is aligned.
const SCRATCH: usize = 16;
/// The upper halves of the YMM registers.
const AVX: u64 = 1 << 2;
/// AMX: tile configuration and tile data.
const TILES: u64 = 3 << 17;
/// What the assembler fills the trampoline up to; it complains if that is too little.
const TRAMPOLINE_LEN: usize = 320;

const BY_FXSAVE: u32 = 0;
const BY_XSAVE: u32 = 1;
const BY_XSAVEC: u32 = 2;

// Written by `prepare`, before any signal is sent; the trampoline reads them by name.
static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static SIZE: AtomicUsize = AtomicUsize::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);
static HOW: AtomicU32 = AtomicU32::new(BY_FXSAVE);

pub(super) fn prepare(hook: extern "C" fn()) -> io::Result<()> {
    if has_shadow_stack() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the program has shadow stacks"));
    }
    let hook = hook as *mut ();
    let set = HOOK.compare_exchange(ptr::null_mut(), hook, SeqCst, SeqCst);
    if set.is_err_and(|other| other != hook) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is another hook"));
    }
    let (how, mask, size) = save_area();
    HOW.store(how, SeqCst);
    MASK.store(mask, SeqCst);
    SIZE.store(size, SeqCst);
    text::find(trampoline as *const () as usize);
    Ok(())
}

/// Does the processor compare this thread's return addresses with those that calls have pushed?
fn has_shadow_stack() -> bool {
    let mut pointer = 0_usize;
    // SAFETY: reads a register. Where there are no shadow stacks it does nothing at all.
    unsafe { asm!("rdsspq {}", inout(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer != 0
}

/// How to save the extended state, which parts of it, and how much room they take.
fn save_area() -> (u32, u64, usize) {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return (BY_FXSAVE, 0, LEGACY);
    }
    #[target_feature(enable = "xsave")]
    fn enabled() -> u64 {
        // SAFETY: the register is there if XSAVE is.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: the system has enabled XSAVE.
    let mask = unsafe { enabled() } & !TILES;
    let mut size = LEGACY + HEADER;
    let mut packed = size;
    for part in (2..63).filter(|part| mask >> part & 1 == 1) {
        let part = __cpuid_count(0xd, part);
        let (len, offset) = (part.eax as usize, part.ebx as usize);
        size = size.max(offset + len);
        packed += len.next_multiple_of(64);
    }
    let has_xsavec = __cpuid_count(0xd, 1).eax & 2 != 0;
    (if has_xsavec { BY_XSAVEC } else { BY_XSAVE }, mask, size.max(packed))
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
    // SAFETY: the kernel has put the extended state there.
    if unsafe { has_tiles(context.fpregs.cast()) } {
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
        "sub rsp, qword ptr [rip + {size}]",
        "and rsp, -{alignment}",
        "xor eax, eax",
        "cmp dword ptr [rip + {how}], {by_xsave}",
        "jb 3f",
        // The header. XSAVE writes one word of it, and XRSTOR wants zeros in the others.
        ".irp word, 0, 1, 2, 3, 4, 5, 6, 7",
        "mov qword ptr [rsp + {legacy} + 8 * \\word], rax",
        ".endr",
        "mov eax, dword ptr [rip + {mask}]",
        "mov edx, dword ptr [rip + {mask} + 4]",
        "ja 4f", // still the comparison above: `mov` leaves the flags
        "xsave64 [rsp]",
        "jmp 5f",
        "3:",
        "fxsave64 [rsp]",
        "jmp 5f",
        "4:",
        "xsavec64 [rsp]",
        "5:",
        // What the ABI promises to the hook.
        "cld",
        "sub rsp, {scratch}",
        "mov dword ptr [rsp], {mxcsr}",
        "ldmxcsr dword ptr [rsp]",
        "fninit",
        "test byte ptr [rip + {mask}], {avx}",
        "jz 6f",
        "vzeroupper",
        "6:",
        "call qword ptr [rip + {hook}]",
        "add rsp, {scratch}",
        "cmp dword ptr [rip + {how}], {by_xsave}",
        "jb 7f",
        "mov eax, dword ptr [rip + {mask}]",
        "mov edx, dword ptr [rip + {mask} + 4]",
        "xrstor64 [rsp]",
        "jmp 8f",
        "7:",
        "fxrstor64 [rsp]",
        "8:",
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
        mxcsr = const 0x1f80, // all exceptions masked, rounding to nearest
        avx = const AVX,
        len = const TRAMPOLINE_LEN,
    )
}
