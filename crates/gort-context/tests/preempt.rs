//! Code that holds patterns in every register there is, interrupted over and over.
//!
//! Tried, and seen to fail: without `pushfq`/`popfq` in the trampoline (`flags_survive`), with a mask of 3 instead
//! of what CPUID says (`registers_survive`), without the 128 bytes of red zone (`registers_survive`), without the
//! zeroed header (crashes).

#![cfg(all(not(feature = "threads"), target_arch = "x86_64", target_os = "linux"))]
#![expect(clippy::undocumented_unsafe_blocks, reason = "tests")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "tests")]
#![expect(clippy::large_stack_frames, reason = "all registers take 2.5 KiB")]

use gort_context::preempt::{Refused, prepare, redirect};
use gort_context::{StackPool, on_stack};
use std::arch::{asm, naked_asm};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// Raised by the hook, when it has run often enough.
static STOP: AtomicU32 = AtomicU32::new(0);
static HOOKS: AtomicUsize = AtomicUsize::new(0);
static ENOUGH: AtomicUsize = AtomicUsize::new(0);
static RESERVE: AtomicUsize = AtomicUsize::new(0);
/// Which refusals there were, a bit for each.
static REFUSED: AtomicU32 = AtomicU32::new(0);

fn bit(refused: Refused) -> u32 {
    1 << refused as u32
}

fn was_refused(why: Refused) -> bool {
    REFUSED.load(SeqCst) & bit(why) != 0
}

/// Uses up all that it may use.
extern "C" fn hook() {
    let share = black_box(HOOKS.fetch_add(1, SeqCst) as f64) / black_box(3.0);
    assert!(black_box(share).sqrt() >= 0.0);
    if is_x86_feature_detected!("avx512bw") {
        unsafe { spoil_wide() };
    }
    unsafe {
        asm!(
            "pxor xmm0, xmm0", "pcmpeqd xmm1, xmm1", "pxor xmm7, xmm7", "pxor xmm15, xmm15",
            "xor eax, eax", "not rax", "mov rcx, rax", "mov rdx, rax", "mov rsi, rax", "mov rdi, rax",
            "mov r8, rax", "mov r9, rax", "mov r10, rax", "mov r11, rax", "mov r12, rax", "mov r15, rax",
            "add rax, 1", // carry and zero
            out("rax") _, out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _,
            out("r10") _, out("r11") _, out("r12") _, out("r15") _, out("xmm0") _, out("xmm1") _,
            out("xmm7") _, out("xmm15") _,
        );
    }
    if HOOKS.load(SeqCst) >= ENOUGH.load(SeqCst) {
        STOP.store(1, SeqCst);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn spoil_wide() {
    unsafe {
        asm!(
            "vpternlogd zmm0, zmm0, zmm0, 0xff", "vpxord zmm16, zmm16, zmm16", "vpxord zmm31, zmm31, zmm31",
            "kxorq k1, k1, k1", "kxnorq k2, k2, k2", "kxorq k7, k7, k7",
            out("zmm0") _, out("zmm16") _, out("zmm31") _, out("k1") _, out("k2") _, out("k7") _,
        );
    }
}

extern "C" fn on_signal(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    if let Err(why) = unsafe { redirect(context, RESERVE.load(SeqCst)) } {
        REFUSED.fetch_or(bit(why), SeqCst);
    }
}

/// One test at a time: there is one signal and one hook.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static INSTALL: Once = Once::new();
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    INSTALL.call_once(|| {
        prepare(hook).unwrap();
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        assert_eq!(
            unsafe { libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()) },
            0
        );
    });
    STOP.store(0, SeqCst);
    HOOKS.store(0, SeqCst);
    RESERVE.store(16 << 10, SeqCst);
    REFUSED.store(0, SeqCst);
    guard
}

/// Runs `f` on a stack of a pool, and interrupts it all the time until it returns.
fn interrupted<R>(f: impl FnOnce() -> R) -> R {
    let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
    let _alternate = gort_context::overflow::AltStack::new().unwrap();
    let target = unsafe { libc::pthread_self() };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !done.load(SeqCst) {
                unsafe { libc::pthread_kill(target, libc::SIGURG) };
                std::thread::sleep(Duration::from_micros(20));
                if start.elapsed() > Duration::from_secs(30) {
                    STOP.store(1, SeqCst);
                }
            }
        });
        let result = on_stack(stack, f);
        done.store(true, SeqCst);
        result
    })
}

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

/// A function that loads all of `Held` from rdi, waits in a loop for `STOP`, and stores it to rsi.
macro_rules! hold {
    ($name:ident, $load:literal, $store:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(from: *const Held, to: *mut Held) {
            naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15", "push rsi",
                "ldmxcsr dword ptr [rdi + {mxcsr}]",
                "fninit", "fld1", "fldpi", "fldcw word ptr [rdi + {x87}]",
                $load,
                ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "mov rax, qword ptr [rdi + {red_zone} + 8*\\i]",
                "mov qword ptr [rsp - 128 + 8*\\i], rax",
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
                "mov rax, qword ptr [rsp]",
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
                "mov rbx, qword ptr [rsp - 128 + 8*\\i]",
                "mov qword ptr [rax + {red_zone} + 8*\\i], rbx",
                ".endr",
                $store,
                "stmxcsr dword ptr [rax + {mxcsr}]",
                "fnstcw word ptr [rax + {x87}]",
                "fstp qword ptr [rax + {floats}]",
                "fstp qword ptr [rax + {floats} + 8]",
                "fninit",
                "mov dword ptr [rsp - 8], 0x1f80",
                "ldmxcsr dword ptr [rsp - 8]",
                "pop rsi", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                mxcsr = const MXCSR, x87 = const X87, red_zone = const RED_ZONE, general = const GENERAL,
                floats = const FLOATS, stop = sym STOP, aside = sym ASIDE,
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
    let hold: unsafe extern "C" fn(*const Held, *mut Held) = if is_x86_feature_detected!("avx512bw")
    {
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
    interrupted(|| unsafe { hold(&raw const *pattern, &raw mut *seen) });
    assert!(HOOKS.load(SeqCst) >= 3_000, "refused: {:#b}", REFUSED.load(SeqCst));
    assert_eq!(seen.general, pattern.general);
    assert_eq!(seen.red_zone, pattern.red_zone);
    assert_eq!(seen.masks, pattern.masks);
    assert_eq!(seen.vectors, pattern.vectors);
    assert_eq!((seen.mxcsr & !0x3f, seen.x87), (pattern.mxcsr, pattern.x87));
    assert_eq!(seen.floats, pattern.floats);
}

/// Counts down with an instruction that leaves the flags alone, `n` times, with `flags` set.
#[unsafe(naked)]
unsafe extern "C" fn hold_flags(n: u64, flags: u64) -> u64 {
    naked_asm!("mov rcx, rdi", "push rsi", "popfq", "2: loop 2b", "pushfq", "pop rax", "cld", "ret",)
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
                let seen = unsafe { hold_flags(100_000, flags) };
                assert_eq!(seen & (CF | ZF | DF | OF), flags);
            }
        });
        assert!(HOOKS.load(SeqCst) >= before + 200, "refused: {:#b}", REFUSED.load(SeqCst));
    }
}

#[test]
fn no_room() {
    let _alone = alone();
    ENOUGH.store(1, SeqCst);
    RESERVE.store(256 << 10, SeqCst);
    interrupted(|| {
        while !was_refused(Refused::NoRoom) && STOP.load(SeqCst) == 0 {
            unsafe { hold_flags(10_000, 0) };
        }
    });
    assert!(was_refused(Refused::NoRoom));
    assert_eq!(HOOKS.load(SeqCst), 0);
}

#[test]
fn on_a_threads_own_stack() {
    let _alone = alone();
    // `raise` is the C library's.
    unsafe { libc::raise(libc::SIGURG) };
    assert!(was_refused(Refused::ForeignText));
    let target = unsafe { libc::pthread_self() };
    let done = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                unsafe { libc::pthread_kill(target, libc::SIGURG) };
                std::thread::sleep(Duration::from_micros(20));
            }
        });
        while !was_refused(Refused::ForeignStack) && start.elapsed() < Duration::from_secs(30) {
            unsafe { hold_flags(10_000, 0) };
        }
        done.store(true, SeqCst);
    });
    assert!(was_refused(Refused::ForeignStack));
    assert_eq!(HOOKS.load(SeqCst), 0);
}

#[test]
fn another_hook() {
    extern "C" fn other() {}
    let _alone = alone();
    assert_eq!(prepare(other).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    prepare(hook).unwrap();
    assert_eq!(Refused::ForeignText.to_string(), "it is in a library");
}

/// From the signal to the instruction after it, by way of the hook.
#[test]
fn what_it_costs() {
    let _alone = alone();
    ENOUGH.store(usize::MAX, SeqCst);
    let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
    let _alternate = gort_context::overflow::AltStack::new().unwrap();
    let times = on_stack(stack, || {
        // SAFETY: the system call is made here, in the program's own text, and interrupted on its way out.
        let tgkill = |signal: c_int| unsafe {
            asm!(
                "syscall", inlateout("rax") libc::SYS_tgkill => _, in("rdi") libc::getpid(),
                in("rsi") libc::gettid(), in("rdx") signal, out("rcx") _, out("r11") _,
            );
        };
        let time = |signal| {
            let start = Instant::now();
            (0..10_000).for_each(|_| tgkill(signal));
            start.elapsed().as_nanos() / 10_000
        };
        (time(0), time(libc::SIGURG))
    });
    assert!(HOOKS.load(SeqCst) >= 10_000, "refused: {:#b}", REFUSED.load(SeqCst));
    println!("a system call: {} ns; with a preemption: {} ns", times.0, times.1);
}
