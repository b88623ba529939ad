//! Code that holds patterns in every register there is, interrupted over and over.
//!
//! Tried on the trampoline, and seen to fail:
//!
//! | without | fails |
//! |---|---|
//! | `popfq` | `flags_survive`, `every_way_of_saving` (beside the trampoline) |
//! | a register: `r11` not put back | `registers_survive` |
//! | the parts of the extended state that CPUID names: a mask of 3, x87 and SSE | `registers_survive` |
//! | room for them: the size of the legacy area and the header | all crash |
//! | the 128 bytes of red zone | `registers_survive` |
//! | alignment of the save area | `registers_survive` crashes |
//! | zeros in its header | `every_way_of_saving` crashes |
//! | `cld`, `ldmxcsr`, `fninit`, `vzeroupper`, an aligned stack for the hook | `every_way_of_saving` |
//! | the right CFA in the frame's description | `a_backtrace_shows_where_it_was_interrupted` |
//!
//! And on Windows, where another thread interrupts:
//!
//! | without | fails |
//! |---|---|
//! | the look whether the page of the next word has been used | `refused` crashes |
//! | the probes of the pages that the save area takes | `every_way_of_saving` crashes |
//! | `fldcw`, the hook's home space | `every_way_of_saving` |
//! | the frame register in the frame's description | `a_backtrace_shows_where_it_was_interrupted` |
//! | what the kernel says that it has still to do | `while_the_kernel_has_something_to_do_with_it` |

#![cfg(all(not(feature = "threads"), target_arch = "x86_64", any(target_os = "linux", windows)))]
#![expect(clippy::large_stack_frames, reason = "all registers take 2.5 KiB")]

#[cfg(target_os = "linux")]
mod cost;
mod refused;
mod registers;
#[cfg_attr(unix, path = "../support/signals.rs")]
#[cfg_attr(windows, path = "../support/suspensions.rs")]
mod signals;

use gort_context::overflow::AltStack;
use gort_context::preempt::{Registers, prepare, redirect};
use gort_context::{StackPool, on_stack};
use registers::count_down;
use std::arch::asm;
use std::backtrace::Backtrace;
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// Raised by the hook, when it has run often enough, and when it takes too long.
static STOP: AtomicU32 = AtomicU32::new(0);
static HOOKS: AtomicUsize = AtomicUsize::new(0);
static ENOUGH: AtomicUsize = AtomicUsize::new(0);
static RESERVE: AtomicUsize = AtomicUsize::new(0);
/// How often the handler met each `Refused`.
static REFUSED: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];
/// Whether a hook is to leave a backtrace.
static CAPTURE: AtomicU32 = AtomicU32::new(NO);
const NO: u32 = 0;
const WANTED: u32 = 1;
const MADE: u32 = 2;
static CAPTURED: Mutex<Option<Backtrace>> = Mutex::new(None);

/// Uses up all that it may use.
extern "C" fn hook(_: &Registers) {
    let share = black_box(HOOKS.fetch_add(1, SeqCst) as f64) / black_box(3.0);
    assert!(black_box(share).sqrt() >= 0.0);
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has what it needs.
        unsafe { spoil_wide() };
    }
    // SAFETY: it changes registers alone, those that it names, and flags.
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
    if CAPTURE.compare_exchange(WANTED, NO, SeqCst, SeqCst).is_ok() {
        *CAPTURED.lock().unwrap() = Some(Backtrace::force_capture());
        CAPTURE.store(MADE, SeqCst);
    }
    if HOOKS.load(SeqCst) >= ENOUGH.load(SeqCst) {
        STOP.store(1, SeqCst);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn spoil_wide() {
    // SAFETY: it changes registers alone, those that it names.
    unsafe {
        asm!(
            "vpternlogd zmm0, zmm0, zmm0, 0xff", "vpxord zmm16, zmm16, zmm16", "vpxord zmm31, zmm31, zmm31",
            "kxorq k1, k1, k1", "kxnorq k2, k2, k2", "kxorq k7, k7, k7",
            out("zmm0") _, out("zmm16") _, out("zmm31") _, out("k1") _, out("k2") _, out("k7") _,
        );
    }
}

fn on_signal(context: *mut c_void) {
    // SAFETY: it is what `signals` passes on for an interrupted thread, after `prepare`. The hook uses nothing that the
    // interrupted functions of these tests hold, and all goes on on its own thread.
    if let Err(why) = unsafe { redirect(context, RESERVE.load(SeqCst)) } {
        REFUSED[why as usize].fetch_add(1, SeqCst);
    }
}

fn refusals() -> String {
    format!("refused: {REFUSED:?}")
}

/// One test at a time: there is one signal and one hook.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static INSTALL: Once = Once::new();
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    INSTALL.call_once(|| {
        refused::before_it_is_prepared();
        prepare(hook).unwrap();
        signals::install(on_signal);
    });
    STOP.store(0, SeqCst);
    HOOKS.store(0, SeqCst);
    RESERVE.store(16 << 10, SeqCst);
    REFUSED.iter().for_each(|count| count.store(0, SeqCst));
    guard
}

/// Interrupts this thread all the time while `f` runs, for half a minute at most.
fn with_signals<R>(f: impl FnOnce() -> R) -> R {
    signals::interrupted_every(Duration::from_micros(20), &STOP, f)
}

/// The same on a stack of a pool, where interrupted code calls the hook.
fn interrupted<R>(f: impl FnOnce() -> R) -> R {
    let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
    let _alternate = AltStack::new().unwrap();
    with_signals(|| on_stack(stack, f))
}

/// Takes no lock and calls no allocator, as the hook does both.
#[inline(never)]
fn an_interrupted_function() {
    CAPTURE.store(WANTED, SeqCst);
    while CAPTURE.load(SeqCst) != MADE && STOP.load(SeqCst) == 0 {
        count_down(100_000);
    }
}

#[test]
fn a_backtrace_shows_where_it_was_interrupted() {
    let _alone = alone();
    ENOUGH.store(usize::MAX, SeqCst);
    interrupted(an_interrupted_function);
    let text = CAPTURED.lock().unwrap().take().expect("the hook has run").to_string();
    let places = ["hook", "trampoline", "an_interrupted_function", "where_it_was_interrupted"];
    let found = places.map(|place| text.find(place).unwrap_or_else(|| panic!("{place}: {text}")));
    assert!(found.is_sorted(), "{text}");
}
