//! What x86-64 has the same everywhere: the extended state, how it is saved, and what the hook is called with.

use super::Hook;
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

/// All but the stack pointer.
pub(in crate::preempt) const REGISTERS: usize = 15;
/// The return address, the flags and the general registers.
pub(super) const GENERAL: usize = (2 + REGISTERS) * 8;
/// The legacy area and the header: what every save area begins with.
pub(super) const LEGACY: usize = 512;
const HEADER: usize = 64;
/// What XSAVE and XRSTOR want their area to be aligned to.
pub(super) const ALIGNMENT: usize = 64;
/// All exceptions masked, rounding to nearest.
pub(super) const DEFAULT_MXCSR: u32 = 0x1f80;
/// The upper halves of the YMM registers.
pub(super) const AVX: u64 = 1 << 2;
/// AMX: tile configuration and tile data.
pub(super) const TILES: u64 = 3 << 17;

pub(super) const BY_FXSAVE: u32 = 0;
pub(super) const BY_XSAVE: u32 = 1;
pub(super) const BY_XSAVEC: u32 = 2;

// Written by `prepare`, before anybody is interrupted; the trampolines read them by name.
pub(super) static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
pub(super) static SIZE: AtomicUsize = AtomicUsize::new(0);
pub(super) static MASK: AtomicU64 = AtomicU64::new(0);
pub(super) static HOW: AtomicU32 = AtomicU32::new(BY_FXSAVE);

/// Finds out how the extended state is saved, and keeps the hook.
pub(super) fn prepare(hook: Hook) -> io::Result<()> {
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
    Ok(())
}

/// Does the processor compare this thread's return addresses with those that calls have pushed?
fn has_shadow_stack() -> bool {
    let mut pointer = 0_usize;
    // SAFETY: reads a register. Where there are no shadow stacks it does nothing at all.
    unsafe { asm!("rdsspq {}", inout(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer != 0
}

/// The parts of the extended state that the system has enabled; `None`: it has not enabled XSAVE.
fn enabled() -> Option<u64> {
    const OSXSAVE: u32 = 1 << 27;
    #[target_feature(enable = "xsave")]
    fn read() -> u64 {
        // SAFETY: the register is there if XSAVE is.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: the system has enabled XSAVE.
    (__cpuid(1).ecx & OSXSAVE != 0).then(|| unsafe { read() })
}

/// How to save the extended state, which parts of it, and how much room they take.
pub(super) fn save_area() -> (u32, u64, usize) {
    let Some(enabled) = enabled() else { return (BY_FXSAVE, 0, LEGACY) };
    let mask = enabled & !TILES;
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

/// May there be tiles in use, and does the processor tell by XGETBV?
#[cfg(windows)]
pub(super) fn has_tiles() -> bool {
    enabled().is_some_and(|enabled| enabled & TILES != 0) && __cpuid_count(0xd, 1).eax & 4 != 0
}

/// Saves the extended state below rsp, which it moves down, and puts it into the order that the ABI promises to
/// functions, but for the control word of the x87. Below the save area it leaves `{scratch}` bytes, a multiple of 16.
///
/// Overwrites rax and rdx.
macro_rules! save_extended {
    () => {
        concat!(
            "sub rsp, qword ptr [rip + {size}]\n",
            "and rsp, -{alignment}\n",
            "xor eax, eax\n",
            "cmp dword ptr [rip + {how}], {by_xsave}\n",
            "jb 30f\n",
            // The header. XSAVE writes one word of it, and XRSTOR wants zeros in the others.
            ".irp word, 0, 1, 2, 3, 4, 5, 6, 7\n",
            "mov qword ptr [rsp + {legacy} + 8 * \\word], rax\n",
            ".endr\n",
            "mov eax, dword ptr [rip + {mask}]\n",
            "mov edx, dword ptr [rip + {mask} + 4]\n",
            "ja 40f\n", // still the comparison above: `mov` leaves the flags
            "xsave64 [rsp]\n",
            "jmp 50f\n",
            "30:\n",
            "fxsave64 [rsp]\n",
            "jmp 50f\n",
            "40:\n",
            "xsavec64 [rsp]\n",
            "50:\n",
            "cld\n",
            "sub rsp, {scratch}\n",
            "mov dword ptr [rsp], {mxcsr}\n",
            "ldmxcsr dword ptr [rsp]\n",
            "fninit\n",
            "test byte ptr [rip + {mask}], {avx}\n",
            "jz 60f\n",
            "vzeroupper\n",
            "60:",
        )
    };
}
pub(super) use save_extended;

/// The opposite. The save area stays where it is.
macro_rules! restore_extended {
    () => {
        concat!(
            "add rsp, {scratch}\n",
            "cmp dword ptr [rip + {how}], {by_xsave}\n",
            "jb 70f\n",
            "mov eax, dword ptr [rip + {mask}]\n",
            "mov edx, dword ptr [rip + {mask} + 4]\n",
            "xrstor64 [rsp]\n",
            "jmp 80f\n",
            "70:\n",
            "fxrstor64 [rsp]\n",
            "80:",
        )
    };
}
pub(super) use restore_extended;
