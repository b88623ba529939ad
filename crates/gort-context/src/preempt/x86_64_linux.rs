//! x86-64 Linux.

use super::Refused;
use crate::overflow::registry;
use std::arch::naked_asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

const RED_ZONE: usize = 128;
/// The return address, the flags and the general registers.
const GENERAL: usize = 17 * 8;
/// The legacy area and the header: what every save area begins with.
const LEGACY: usize = 512;
const HEADER: usize = 64;
/// AMX: tile configuration and tile data.
const TILES: u64 = 3 << 17;

const BY_FXSAVE: u32 = 0;
const BY_XSAVE: u32 = 1;
const BY_XSAVEC: u32 = 2;

// Written by `prepare`, before any signal is sent; the trampoline reads them by name.
static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static SIZE: AtomicUsize = AtomicUsize::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);
static HOW: AtomicU32 = AtomicU32::new(BY_FXSAVE);
/// Where the program's own code lies.
static TEXT: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

pub(super) fn prepare(hook: extern "C" fn()) -> io::Result<()> {
    let hook = hook as *mut ();
    let set = HOOK.compare_exchange(ptr::null_mut(), hook, SeqCst, SeqCst);
    if set.is_err_and(|other| other != hook) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is another hook"));
    }
    let (how, mask, size) = save_area();
    HOW.store(how, SeqCst);
    MASK.store(mask, SeqCst);
    SIZE.store(size, SeqCst);
    // SAFETY: the callback is what the call asks for.
    unsafe { libc::dl_iterate_phdr(Some(note_text), ptr::null_mut()) };
    Ok(())
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

/// Called for each part of the program; the program itself comes first.
unsafe extern "C" fn note_text(
    part: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut c_void,
) -> libc::c_int {
    // SAFETY: the system passes a valid structure.
    let part = unsafe { &*part };
    // SAFETY: the structure says how many there are.
    let headers =
        unsafe { std::slice::from_raw_parts(part.dlpi_phdr, usize::from(part.dlpi_phnum)) };
    let code = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0);
    let start = |header: &libc::Elf64_Phdr| (part.dlpi_addr + header.p_vaddr) as usize;
    TEXT[0].store(code.clone().map(start).min().unwrap_or(0), SeqCst);
    let end = |header: &libc::Elf64_Phdr| start(header) + header.p_memsz as usize;
    TEXT[1].store(code.map(end).max().unwrap_or(0), SeqCst);
    1
}

pub(super) unsafe fn redirect(ucontext: *mut c_void, reserve: usize) -> Result<(), Refused> {
    // SAFETY: by the caller's promise this is the interrupted thread's context, and only ours meanwhile.
    let context = unsafe { &mut (*ucontext.cast::<libc::ucontext_t>()).uc_mcontext };
    let sp = context.gregs[libc::REG_RSP as usize] as usize;
    let ip = context.gregs[libc::REG_RIP as usize];
    if !(TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed)).contains(&(ip as usize)) {
        return Err(Refused::ForeignText);
    }
    let stack = registry::stack_at(sp).ok_or(Refused::ForeignStack)?;
    let need = RED_ZONE + GENERAL + HEADER + SIZE.load(Relaxed) + 16 + reserve;
    if sp.saturating_sub(need) < stack.start {
        return Err(Refused::NoRoom);
    }
    // SAFETY: the kernel has put the extended state there.
    if unsafe { has_tiles(context.fpregs.cast()) } {
        return Err(Refused::TooMuchState);
    }
    let sp = sp - RED_ZONE - size_of::<usize>();
    // SAFETY: below the red zone of the interrupted code, and inside its stack.
    unsafe { ptr::with_exposed_provenance_mut::<i64>(sp).write(ip) };
    context.gregs[libc::REG_RSP as usize] = sp as i64;
    context.gregs[libc::REG_RIP as usize] = trampoline as *const () as i64;
    Ok(())
}

/// Were there AMX tiles in use?
///
/// # Safety
/// `state` is where the kernel has saved a thread's extended state for a signal handler.
unsafe fn has_tiles(state: *const u8) -> bool {
    /// Where the kernel says that there is more than the legacy area, and how.
    const MAGIC_AT: usize = 464;
    const MAGIC: u32 = 0x4650_5853;
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
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        // Where it was called from is in registers that are not described: a backtrace ends here.
        ".cfi_signal_frame",
        ".cfi_undefined rip",
        "pushfq",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rbp",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rbp, rsp",
        "sub rsp, qword ptr [rip + {size}]",
        "and rsp, -64",
        // The header; XRSTOR wants zeros where XSAVE writes nothing.
        "cmp dword ptr [rip + {how}], {by_xsave}",
        "jb 2f",
        "xor eax, eax",
        "mov qword ptr [rsp + 512], rax",
        "mov qword ptr [rsp + 520], rax",
        "mov qword ptr [rsp + 528], rax",
        "mov qword ptr [rsp + 536], rax",
        "mov qword ptr [rsp + 544], rax",
        "mov qword ptr [rsp + 552], rax",
        "mov qword ptr [rsp + 560], rax",
        "mov qword ptr [rsp + 568], rax",
        "mov eax, dword ptr [rip + {mask}]",
        "mov edx, dword ptr [rip + {mask} + 4]",
        "cmp dword ptr [rip + {how}], {by_xsave}",
        "ja 3f",
        "xsave64 [rsp]",
        "jmp 4f",
        "2:",
        "fxsave64 [rsp]",
        "jmp 4f",
        "3:",
        "xsavec64 [rsp]",
        "4:",
        // What the ABI promises to the hook.
        "cld",
        "sub rsp, 16",
        "mov dword ptr [rsp], 0x1f80",
        "ldmxcsr dword ptr [rsp]",
        "fninit",
        "call qword ptr [rip + {hook}]",
        "add rsp, 16",
        "cmp dword ptr [rip + {how}], {by_xsave}",
        "jb 5f",
        "mov eax, dword ptr [rip + {mask}]",
        "mov edx, dword ptr [rip + {mask} + 4]",
        "xrstor64 [rsp]",
        "jmp 6f",
        "5:",
        "fxrstor64 [rsp]",
        "6:",
        "mov rsp, rbp",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rbp",
        "pop rbx",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "popfq",
        "ret {red_zone}",
        ".cfi_endproc",
        size = sym SIZE,
        mask = sym MASK,
        how = sym HOW,
        hook = sym HOOK,
        by_xsave = const BY_XSAVE,
        red_zone = const RED_ZONE,
    )
}
