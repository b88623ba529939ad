//! Assembly that holds a pattern in every register there is, and looks whether it is still there.

use super::{ENOUGH, HOOKS, STOP, alone, interrupted, refusals};
use std::arch::naked_asm;
use std::sync::atomic::{AtomicUsize, Ordering::*};

#[repr(C, align(64))]
#[derive(Clone, PartialEq)]
struct Held {
    vectors: [[u64; 8]; 32],
    masks: [u64; 8],
    general: [u64; 15],
    mxcsr: u32,
    x87: u16,
    red_zone: [u64; 16],
    floats: [f64; 2],
}

const MASKS: usize = 32 * 64;
const GENERAL: usize = MASKS + 64;
const MXCSR: usize = GENERAL + 15 * 8;
const X87: usize = MXCSR + 4;
const RED_ZONE: usize = X87 + 4;
const FLOATS: usize = RED_ZONE + 128;

impl Held {
    fn pattern() -> Box<Held> {
        let mix = |n: usize| (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Box::new(Held {
            vectors: std::array::from_fn(|n| std::array::from_fn(|m| mix(n * 8 + m))),
            masks: std::array::from_fn(|n| mix(n + 1000)),
            general: std::array::from_fn(|n| mix(n + 2000)),
            // Rounds up, flushes denormals; all exceptions masked.
            mxcsr: 0xdf80,
            // Rounds down, single precision.
            x87: 0x043f | 0x40,
            red_zone: std::array::from_fn(|n| mix(n + 3000)),
            floats: [std::f64::consts::PI, 1.0],
        })
    }
}

/// Below the stack pointer on Linux. Windows has no red zone; there it is part of the frame.
const LOCAL: usize = if cfg!(windows) { 128 } else { 0 };
const DEFAULT_X87: u16 = if cfg!(windows) { 0x27f } else { 0x37f };

/// A function that loads all of `Held` from rdi, waits in a loop for `STOP`, and stores it to rsi. Called as on System V,
/// on Windows too; on a processor that has those registers.
macro_rules! hold {
    ($name:ident, $load:literal, $store:literal) => {
        #[unsafe(naked)]
        unsafe extern "sysv64" fn $name(from: *const Held, to: *mut Held) {
            naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15", "push rsi",
                "sub rsp, {local}",
                "ldmxcsr dword ptr [rdi + {mxcsr}]",
                "fninit", "fld1", "fldpi", "fldcw word ptr [rdi + {x87}]",
                $load,
                ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "mov rax, qword ptr [rdi + {red_zone} + 8*\\i]",
                "mov qword ptr [rsp + {local} - 128 + 8*\\i], rax",
                ".endr",
                "mov rax, qword ptr [rdi + {general}]",
                "mov rbx, qword ptr [rdi + {general} + 8]",
                "mov rcx, qword ptr [rdi + {general} + 16]",
                "mov rdx, qword ptr [rdi + {general} + 24]",
                "mov rsi, qword ptr [rdi + {general} + 32]",
                "mov rbp, qword ptr [rdi + {general} + 40]",
                "mov r8, qword ptr [rdi + {general} + 48]",
                "mov r9, qword ptr [rdi + {general} + 56]",
                "mov r10, qword ptr [rdi + {general} + 64]",
                "mov r11, qword ptr [rdi + {general} + 72]",
                "mov r12, qword ptr [rdi + {general} + 80]",
                "mov r13, qword ptr [rdi + {general} + 88]",
                "mov r14, qword ptr [rdi + {general} + 96]",
                "mov r15, qword ptr [rdi + {general} + 104]",
                "mov rdi, qword ptr [rdi + {general} + 112]",
                "2: cmp dword ptr [rip + {stop}], 0",
                "je 2b",
                // To the pointer that was pushed last, with rax put aside first.
                "mov qword ptr [rip + {aside}], rax",
                "mov rax, qword ptr [rsp + {local}]",
                "mov qword ptr [rax + {general} + 8], rbx",
                "mov rbx, qword ptr [rip + {aside}]",
                "mov qword ptr [rax + {general}], rbx",
                "mov qword ptr [rax + {general} + 16], rcx",
                "mov qword ptr [rax + {general} + 24], rdx",
                "mov qword ptr [rax + {general} + 32], rsi",
                "mov qword ptr [rax + {general} + 40], rbp",
                "mov qword ptr [rax + {general} + 48], r8",
                "mov qword ptr [rax + {general} + 56], r9",
                "mov qword ptr [rax + {general} + 64], r10",
                "mov qword ptr [rax + {general} + 72], r11",
                "mov qword ptr [rax + {general} + 80], r12",
                "mov qword ptr [rax + {general} + 88], r13",
                "mov qword ptr [rax + {general} + 96], r14",
                "mov qword ptr [rax + {general} + 104], r15",
                "mov qword ptr [rax + {general} + 112], rdi",
                ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "mov rbx, qword ptr [rsp + {local} - 128 + 8*\\i]",
                "mov qword ptr [rax + {red_zone} + 8*\\i], rbx",
                ".endr",
                $store,
                "stmxcsr dword ptr [rax + {mxcsr}]",
                "fnstcw word ptr [rax + {x87}]",
                "fstp qword ptr [rax + {floats}]",
                "fstp qword ptr [rax + {floats} + 8]",
                "fninit",
                "add rsp, {local}",
                "mov dword ptr [rsp], {default_x87}",
                "fldcw word ptr [rsp]",
                "mov dword ptr [rsp], 0x1f80",
                "ldmxcsr dword ptr [rsp]",
                "pop rsi", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                mxcsr = const MXCSR, x87 = const X87, red_zone = const RED_ZONE, general = const GENERAL,
                floats = const FLOATS, local = const LOCAL, default_x87 = const DEFAULT_X87, stop = sym STOP,
                aside = sym ASIDE,
            )
        }
    };
}

static ASIDE: AtomicUsize = AtomicUsize::new(0);

hold!(
    hold_wide,
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
     vmovdqu64 zmm\\i, zmmword ptr [rdi + 64*\\i]
     .endr
     .irp i,0,1,2,3,4,5,6,7
     kmovq k\\i, qword ptr [rdi + 2048 + 8*\\i]
     .endr",
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
     vmovdqu64 zmmword ptr [rax + 64*\\i], zmm\\i
     .endr
     .irp i,0,1,2,3,4,5,6,7
     kmovq qword ptr [rax + 2048 + 8*\\i], k\\i
     .endr
     vzeroupper"
);

hold!(
    hold_ymm,
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
     vmovdqu ymm\\i, ymmword ptr [rdi + 64*\\i]
     .endr",
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
     vmovdqu ymmword ptr [rax + 64*\\i], ymm\\i
     .endr
     vzeroupper"
);

hold!(
    hold_xmm,
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
     movdqu xmm\\i, xmmword ptr [rdi + 64*\\i]
     .endr",
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
     movdqu xmmword ptr [rax + 64*\\i], xmm\\i
     .endr"
);

#[test]
fn registers_survive() {
    let _alone = alone();
    let hold: unsafe extern "sysv64" fn(*const Held, *mut Held) =
        if is_x86_feature_detected!("avx512bw") {
            println!("with ZMM and opmasks");
            hold_wide
        } else if is_x86_feature_detected!("avx") {
            println!("with YMM");
            hold_ymm
        } else {
            println!("with XMM");
            hold_xmm
        };
    ENOUGH.store(3_000, SeqCst);
    let pattern = Held::pattern();
    let mut seen = pattern.clone();
    // SAFETY: the processor has the registers that it loads, and both boxes are there until it returns.
    interrupted(|| unsafe { hold(&raw const *pattern, &raw mut *seen) });
    assert!(HOOKS.load(SeqCst) >= 3_000, "{}", refusals());
    assert_eq!(seen.general, pattern.general);
    assert_eq!(seen.red_zone, pattern.red_zone);
    assert_eq!(seen.masks, pattern.masks);
    assert_eq!(seen.vectors, pattern.vectors);
    assert_eq!((seen.mxcsr & !0x3f, seen.x87), (pattern.mxcsr, pattern.x87));
    assert_eq!(seen.floats, pattern.floats);
}

/// A line for the unwind tables of Linux, and one for those of Windows.
#[cfg(target_os = "linux")]
macro_rules! unwind {
    ($linux:literal, $windows:literal) => {
        $linux
    };
}
#[cfg(windows)]
macro_rules! unwind {
    ($linux:literal, $windows:literal) => {
        $windows
    };
}

/// Counts down with an instruction that leaves the flags alone, `n` times, with `flags` set.
///
/// # Safety
/// `flags` are those that computations leave, and perhaps the direction, which is put back.
#[unsafe(naked)]
pub unsafe extern "sysv64" fn hold_flags(n: u64, flags: u64) -> u64 {
    naked_asm!(
        unwind!(".cfi_startproc # {this}", ".seh_proc {this}"),
        unwind!("", ".seh_endprologue"),
        "mov rcx, rdi",
        "push rsi",
        unwind!(".cfi_adjust_cfa_offset 8", ""),
        "popfq",
        unwind!(".cfi_adjust_cfa_offset -8", ""),
        "2: loop 2b",
        "pushfq",
        unwind!(".cfi_adjust_cfa_offset 8", ""),
        "pop rax",
        unwind!(".cfi_adjust_cfa_offset -8", ""),
        "cld",
        "ret",
        unwind!(".cfi_endproc", ".seh_endproc"),
        this = sym hold_flags,
    )
}

/// Takes some time, in a loop of the program's own text.
pub fn count_down(n: u64) {
    // SAFETY: there are no flags.
    unsafe { hold_flags(n, 0) };
}

#[test]
fn flags_survive() {
    const CF: u64 = 1;
    const ZF: u64 = 1 << 6;
    const DF: u64 = 1 << 10;
    const OF: u64 = 1 << 11;
    let _alone = alone();
    ENOUGH.store(usize::MAX, SeqCst);
    for flags in [0, CF, ZF, DF, OF, CF | ZF | DF | OF] {
        let before = HOOKS.load(SeqCst);
        interrupted(|| {
            while HOOKS.load(SeqCst) < before + 200 && STOP.load(SeqCst) == 0 {
                // SAFETY: they are carry, zero, overflow and direction.
                let seen = unsafe { hold_flags(100_000, flags) };
                assert_eq!(seen & (CF | ZF | DF | OF), flags);
            }
        });
        assert!(HOOKS.load(SeqCst) >= before + 200, "{}", refusals());
    }
}
