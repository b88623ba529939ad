//! Code that holds patterns in every register there is, interrupted over and over, on AArch64.
//!
//! Tried on the trampoline, and seen to fail:
//!
//! | without | fails |
//! |---|---|
//! | an alternate stack that the kernel refuses | `on_another_thread` |
//! | the mask of the thread that goes on | `on_another_thread` |
//! | FPCR at its default | the hook traps |
//! | a new address for the records behind the frame, with vectors of 256 bytes | `a_backtrace_shows_where_it_was_interrupted` |

#![cfg(all(not(feature = "threads"), target_arch = "aarch64", target_os = "linux"))]

#[path = "../support/pair.rs"]
mod pair;
mod scalable;
#[path = "../support/signals.rs"]
mod signals;

use gort_context::overflow::AltStack;
use gort_context::preempt::{Refused, Registers, prepare, redirect};
use gort_context::{Stack, StackPool, on_stack};
use pair::{Pair, back};
use std::arch::{asm, naked_asm};
use std::backtrace::Backtrace;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// Raised by the hook, when it has run often enough, and when it takes too long.
static STOP: AtomicU32 = AtomicU32::new(0);
static HOOKS: AtomicUsize = AtomicUsize::new(0);
static ENOUGH: AtomicUsize = AtomicUsize::new(0);
static RESERVE: AtomicUsize = AtomicUsize::new(0);
static REFUSED: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];
static CAPTURED: Mutex<Option<Backtrace>> = Mutex::new(None);
static CAPTURE: AtomicBool = AtomicBool::new(false);
/// Of which the hook interrupts the other flow, and is to go back: see `on_another_thread`.
static AWAY: AtomicPtr<Pair> = AtomicPtr::new(null_mut());

/// Uses up all that it may use.
extern "C" fn hook(_: &Registers) {
    // SAFETY: it changes what a function may, and no memory.
    unsafe {
        asm!(
            "mrs x0, fpcr",
            "cbz x0, 2f",
            "brk #1", // not the default
            "2:",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17",
            "mov x\\n, #-1",
            ".endr",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 30, 31",
            "movi v\\n\\().16b, #0x55",
            ".endr",
            "msr fpsr, xzr",
            "cmp x0, x0",
            clobber_abi("C"),
        );
    }
    if scalable::has_vectors() {
        scalable::spoil();
    }
    // Not a swap, which is a function of the compiler's that no backtrace gets past: the next signal may interrupt this here.
    if CAPTURE.load(SeqCst) {
        CAPTURE.store(false, SeqCst);
        *CAPTURED.lock().unwrap() = Some(Backtrace::force_capture());
        STOP.store(1, SeqCst);
    }
    let away = AWAY.load(SeqCst);
    if !away.is_null() && HOOKS.load(SeqCst) == 0 {
        HOOKS.store(1, SeqCst);
        // SAFETY: the only code that is interrupted meanwhile is the other flow of this pair, which the test keeps.
        unsafe { back(away, null_mut()) };
    }
    if HOOKS.fetch_add(1, SeqCst) + 1 >= ENOUGH.load(SeqCst) {
        STOP.store(1, SeqCst);
    }
}

fn on_signal(context: *mut c_void) {
    // SAFETY: it is what `signals` passes on for an interrupted thread, after `prepare`. The hook uses nothing that the
    // interrupted functions of these tests hold, and what goes on on another thread is bound to none.
    if let Err(why) = unsafe { redirect(context, RESERVE.load(SeqCst)) } {
        REFUSED[why as usize].fetch_add(1, SeqCst);
    }
}

/// One test at a time: there is one signal and one hook.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static INSTALL: Once = Once::new();
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    INSTALL.call_once(|| {
        prepare(hook).unwrap();
        signals::install(on_signal);
    });
    STOP.store(0, SeqCst);
    HOOKS.store(0, SeqCst);
    ENOUGH.store(usize::MAX, SeqCst);
    RESERVE.store(16 << 10, SeqCst);
    AWAY.store(null_mut(), SeqCst);
    REFUSED.iter().for_each(|count| count.store(0, SeqCst));
    guard
}

/// Interrupts this thread all the time while `f` runs, for half a minute at most.
fn with_signals<R>(f: impl FnOnce() -> R) -> R {
    signals::interrupted_every(Duration::from_micros(50), &STOP, f)
}

fn stack() -> Stack {
    StackPool::new(256 << 10).unwrap().take().unwrap()
}

/// The same on a stack of a pool, where interrupted code calls the hook.
fn interrupted<R>(f: impl FnOnce() -> R) -> R {
    let _alternate = AltStack::new().unwrap();
    with_signals(|| on_stack(&mut stack(), f))
}

#[repr(C, align(16))]
#[derive(Clone, PartialEq, Debug)]
struct Held {
    vectors: [[u64; 2]; 32],
    /// x0 to x29, but for the two that wait: x16 and x17.
    general: [u64; 30],
    flags: u64,
    fpcr: u64,
    fpsr: u64,
}

/// Loads all of `Held`, waits in a loop for `STOP`, and stores it.
#[unsafe(naked)]
unsafe extern "C" fn hold(from: *const Held, to: *mut Held, stop: *const u32) {
    naked_asm!(
        ".cfi_startproc",
        "sub sp, sp, #192",
        ".cfi_def_cfa_offset 192",
        "stp x19, x20, [sp, #0]",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        ".cfi_offset x29, -112",
        ".cfi_offset x30, -104",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "str x1, [sp, #160]",
        "mov x16, x2",
        "mov x17, x0",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "ldr q\\n, [x17, #16 * \\n]",
        ".endr",
        "add x17, x17, #512",
        "ldr x0, [x17, #240]",
        "msr nzcv, x0",
        "ldr x0, [x17, #248]",
        "msr fpcr, x0",
        "ldr x0, [x17, #256]",
        "msr fpsr, x0",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        "ldr x\\n, [x17, #8 * \\n]",
        ".endr",
        "2:",
        "ldr w17, [x16]",
        "cbz w17, 2b",
        "ldr x17, [sp, #160]",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "str q\\n, [x17, #16 * \\n]",
        ".endr",
        "add x17, x17, #512",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        "str x\\n, [x17, #8 * \\n]",
        ".endr",
        "mrs x0, nzcv",
        "str x0, [x17, #240]",
        "mrs x0, fpcr",
        "str x0, [x17, #248]",
        "mrs x0, fpsr",
        "str x0, [x17, #256]",
        "msr fpcr, xzr",
        "ldp x19, x20, [sp, #0]",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "add sp, sp, #192",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
    )
}

fn pattern() -> Held {
    let mix = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut general = std::array::from_fn(|n| mix(n as u64 + 2000));
    general[16..19].fill(0);
    Held {
        vectors: std::array::from_fn(|n| [mix(n as u64), mix(n as u64 + 1000)]),
        general,
        flags: 0b1011 << 28,
        // Rounds up, flushes to zero.
        fpcr: 1 << 22 | 1 << 24,
        fpsr: 1 << 4 | 1,
    }
}

fn hold_pattern() {
    let held = pattern();
    let mut seen = Held { general: [0; 30], ..held.clone() };
    // SAFETY: all three are there until it returns; it keeps what a function keeps, and leaves FPCR at its default.
    unsafe { hold(&raw const held, &raw mut seen, STOP.as_ptr()) };
    assert_eq!(seen, held);
}

#[test]
fn registers_survive() {
    let _alone = alone();
    ENOUGH.store(1000, SeqCst);
    interrupted(hold_pattern);
    assert!(HOOKS.load(SeqCst) >= 1000, "refused: {REFUSED:?}");
}

/// Blocks a signal or lets it through; tells whether it was blocked.
fn block(how: c_int) -> bool {
    // SAFETY: all zeros is a value of it.
    let [mut set, mut before]: [libc::sigset_t; 2] = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGUSR2) };
    // SAFETY: as above; it is the calling thread's mask.
    unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut before) };
    // SAFETY: it has been filled in.
    unsafe { libc::sigismember(&raw const before, libc::SIGUSR2) == 1 }
}

/// The interrupted code goes on on another thread, whose alternate stack and signal mask stay its own.
#[test]
fn on_another_thread() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        hold_pattern();
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { back(word.cast(), null_mut()) };
        unreachable!()
    }
    let _alone = alone();
    let stack = stack();
    let mut pair = Pair::new(&stack, entry);
    AWAY.store(&raw mut *pair, SeqCst);
    let _alternate = AltStack::new().unwrap();
    block(libc::SIG_BLOCK);
    with_signals(|| pair.call());
    // Threads begin with the mask of who starts them.
    assert!(block(libc::SIG_UNBLOCK));
    assert!(HOOKS.load(SeqCst) >= 1, "refused: {REFUSED:?}");
    let elsewhere = || {
        let alternate = || {
            let mut now = libc::stack_t { ss_sp: null_mut(), ss_flags: 0, ss_size: 0 };
            // SAFETY: the place for what there is now is valid.
            assert_eq!(unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) }, 0);
            (now.ss_sp.addr(), now.ss_flags)
        };
        let before = alternate();
        STOP.store(1, SeqCst);
        pair.go(null_mut());
        assert_eq!(alternate(), before);
        assert!(!block(libc::SIG_UNBLOCK));
    };
    std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
    pair.end();
}

#[inline(never)]
fn an_interrupted_function() {
    CAPTURE.store(true, SeqCst);
    hold_pattern();
    std::hint::black_box(());
}

#[test]
fn a_backtrace_shows_where_it_was_interrupted() {
    let _alone = alone();
    interrupted(an_interrupted_function);
    let text = CAPTURED.lock().unwrap().take().expect("the hook has run").to_string();
    let places = ["hook", "trampoline", "an_interrupted_function"];
    let found = places.map(|place| text.find(place).unwrap_or_else(|| panic!("{place}: {text}")));
    assert!(found.is_sorted(), "{text}");
}

#[test]
fn what_is_refused() {
    let _alone = alone();
    let refused = |why: Refused| REFUSED[why as usize].load(SeqCst);
    // A thread's own stack.
    with_signals(|| {
        while refused(Refused::ForeignStack) == 0 && STOP.load(SeqCst) == 0 {
            let mut seen = pattern();
            // SAFETY: as in `hold_pattern`; it does not wait.
            unsafe { hold(&raw const *Box::new(pattern()), &raw mut seen, &1) };
        }
    });
    assert!(refused(Refused::ForeignStack) > 0, "refused: {REFUSED:?}");
    // The C library.
    // SAFETY: the signal has a handler.
    on_stack(&mut stack(), || unsafe { libc::raise(libc::SIGURG) });
    assert!(refused(Refused::ForeignText) > 0, "refused: {REFUSED:?}");
    assert_eq!(HOOKS.load(SeqCst), 0);
    // More than there is room for.
    RESERVE.store(256 << 10, SeqCst);
    let waits = |why: Refused| {
        interrupted(|| {
            while refused(why) == 0 && STOP.load(SeqCst) == 0 {
                std::hint::spin_loop();
            }
        });
        assert!(refused(why) > 0, "refused: {REFUSED:?}");
    };
    waits(Refused::NoRoom);
    assert_eq!(HOOKS.load(SeqCst), 0);
}
