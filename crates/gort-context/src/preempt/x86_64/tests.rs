//! Each way to save the extended state, also those that this CPU would not be asked for; and what the hook is
//! given. Called as on System V, on Windows too.

use super::x86_64::{BY_FXSAVE, save_area};
use super::*;
use crate::{StackPool, on_stack};
use std::sync::atomic::{AtomicU32, AtomicUsize};

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    vectors: [[u64; 4]; 2],
    float: f64,
    flags: u64,
    mxcsr: u32,
    x87: u16,
}

/// With DF and CF, rounding up on the one side and down on the other.
static HELD: State = State {
    vectors: [[1, 2, 3, 4], [5, 6, 7, 8]],
    float: std::f64::consts::PI,
    flags: 1 << 10 | 1 << 1 | 1,
    mxcsr: 0xdf80,
    x87: 0x077f,
};

/// What the hook has found: as in `State`, of one vector the upper half, and its stack pointer.
static GIVEN: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
static MXCSR: AtomicU32 = AtomicU32::new(0);
static X87: AtomicU32 = AtomicU32::new(0);

/// Looks at what it was given, and spoils what it may.
#[unsafe(naked)]
extern "C" fn look(_: &crate::preempt::Registers) {
    naked_asm!(
        "mov qword ptr [rip + {given}], rsp",
        "pushfq",
        "pop qword ptr [rip + {given} + 8]",
        "stmxcsr dword ptr [rip + {mxcsr}]",
        "fnstcw word ptr [rip + {x87}]",
        "vextractf128 xmm0, ymm0, 1",
        "vmovdqu xmmword ptr [rip + {given} + 16], xmm0",
        "vpcmpeqd xmm0, xmm0, xmm0",
        "vinsertf128 ymm0, ymm0, xmm0, 1",
        "vmovdqu ymm15, ymm0",
        "fldz",
        "fstp st(0)",
        ".if {home_space}",
        ".irp word, 1, 2, 3, 4",
        "mov qword ptr [rsp + 8 * \\word], -1",
        ".endr",
        ".endif",
        "ret",
        home_space = const HOME_SPACE,
        given = sym GIVEN,
        mxcsr = sym MXCSR,
        x87 = sym X87,
    )
}

/// Goes through the trampoline as if interrupted, holding `from`, and stores to `to` what is left of it.
#[unsafe(naked)]
unsafe extern "sysv64" fn pass(from: *const State, to: *mut State) {
    naked_asm!(
        "push rdi",
        "push rsi",
        "fninit",
        "fld qword ptr [rdi + {float}]",
        "fldcw word ptr [rdi + {x87}]",
        "ldmxcsr dword ptr [rdi + {mxcsr}]",
        "vmovdqu ymm0, ymmword ptr [rdi]",
        "vmovdqu ymm15, ymmword ptr [rdi + 32]",
        // `redirect` leaves out the red zone, and the way back skips it.
        "lea rsp, [rsp - {red_zone}]",
        // What lies where the trampoline saves is no header that XRSTOR would take.
        "mov ecx, 1024",
        "2: mov qword ptr [rsp + 8 * rcx - 8 * 1025], -1",
        "loop 2b",
        "push qword ptr [rdi + {flags}]",
        "popfq",
        "call {trampoline}",
        "pushfq",
        "pop rax",
        "cld",
        "pop rsi",
        "mov qword ptr [rsi + {flags}], rax",
        "vmovdqu ymmword ptr [rsi], ymm0",
        "vmovdqu ymmword ptr [rsi + 32], ymm15",
        "stmxcsr dword ptr [rsi + {mxcsr}]",
        "fnstcw word ptr [rsi + {x87}]",
        "fstp qword ptr [rsi + {float}]",
        "vzeroupper",
        "fninit",
        "mov dword ptr [rsp], {default_x87}",
        "fldcw word ptr [rsp]",
        "mov dword ptr [rsp], {default_mxcsr}",
        "ldmxcsr dword ptr [rsp]",
        "pop rdi",
        "ret",
        float = const std::mem::offset_of!(State, float),
        flags = const std::mem::offset_of!(State, flags),
        mxcsr = const std::mem::offset_of!(State, mxcsr),
        x87 = const std::mem::offset_of!(State, x87),
        red_zone = const RED_ZONE,
        default_x87 = const DEFAULT_X87,
        default_mxcsr = const DEFAULT_MXCSR,
        trampoline = sym trampoline,
    )
}

#[test]
fn every_way_of_saving() {
    if !is_x86_feature_detected!("avx") {
        return;
    }
    prepare(look).unwrap();
    let (best, mask, _) = save_area();
    // On a stack that nobody has used, with more than any processor saves: it grows as it has to.
    SIZE.store(64 << 10, SeqCst);
    for how in BY_FXSAVE..=best {
        HOW.store(how, SeqCst);
        let wide = how != BY_FXSAVE;
        MASK.store(if wide { mask } else { 0 }, SeqCst);
        let mut left = State { vectors: [[0; 4]; 2], float: 0.0, flags: 0, mxcsr: 0, x87: 0 };
        let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
        // SAFETY: both are valid, and nobody else is in the trampoline.
        on_stack(stack, || unsafe { pass(&raw const HELD, &raw mut left) });
        left.flags &= 1 << 11 | 1 << 10 | 1 << 6 | 1 << 1 | 1;
        let expected = &HELD;
        if !wide {
            // The CPU has more than is saved, which no CPU has that is asked to save this way.
            (0..2).for_each(|n| left.vectors[n][2..].copy_from_slice(&expected.vectors[n][2..]));
        }
        assert_eq!(left, *expected, "way {how}");
        let [sp, flags, upper @ ..] = GIVEN.each_ref().map(|word| word.load(SeqCst));
        assert_eq!(sp % 16, 8, "aligned before the call");
        assert_eq!(flags & 1 << 10, 0, "the direction flag");
        assert_eq!(MXCSR.load(SeqCst), DEFAULT_MXCSR);
        assert_eq!(X87.load(SeqCst), DEFAULT_X87.into());
        assert!(!wide || upper == [0; 2], "no upper halves that slow down code without AVX");
    }
}
