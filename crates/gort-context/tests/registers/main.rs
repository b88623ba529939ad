//! Registers and control words over a switch, seen with patterns that assembly puts in.
//!
//! What each architecture's file supplies: `patterned` fills the registers that the ABI calls callee-saved with
//! numbers from `base` on, calls `switch`, and returns a bit for each that has changed; `Words` are the
//! floating-point control words, without the flags that computations leave there.

#![cfg(not(feature = "threads"))]

#[cfg_attr(all(target_arch = "x86_64", unix), path = "x86_64_sysv.rs")]
#[cfg_attr(all(target_arch = "x86_64", windows), path = "x86_64_windows.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;
#[path = "../support/pair.rs"]
mod pair;

use std::ptr::null_mut;

use arch::Words;
use gort_context::{Context, StackPool, control, switch};
use pair::{Pair, back, home};

/// [`switch`], with its contract.
type Switch = unsafe extern "C" fn(*mut Context, Context, *mut ()) -> *mut ();

fn pool() -> StackPool {
    StackPool::new(256 << 10).unwrap()
}

unsafe extern "C" fn switch_c(save: *mut Context, to: Context, word: *mut ()) -> *mut () {
    // SAFETY: the same contract.
    unsafe { switch(save, to, word) }
}

#[test]
fn callee_saved_registers_survive() {
    unsafe extern "C-unwind" fn other(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        for n in 0.. {
            // SAFETY: the test keeps the pair until it has ended it.
            let (save, to) = unsafe { home(pair) };
            // SAFETY: the test waits for this flow.
            let changed = unsafe { arch::patterned(save, to, 0x2000_0000_0000 + n * 64, switch_c) };
            assert_eq!(changed, 0, "other flow, turn {n}");
        }
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, other);
    pair.call();
    for n in 0..10_000 {
        let (save, to) = pair.there();
        // SAFETY: the other flow waits for this one, and nobody else has its context.
        let changed = unsafe { arch::patterned(save, to, 0x1000_0000_0000 + n * 64, switch_c) };
        assert_eq!(changed, 0, "main flow, turn {n}");
    }
    pair.end();
}

#[test]
fn a_register_that_changes_is_noticed() {
    unsafe extern "C" fn careless(_: *mut Context, _: Context, _: *mut ()) -> *mut () {
        // SAFETY: it breaks a promise to `patterned` alone, which puts the register back for its caller.
        unsafe { arch::spoil_one() };
        null_mut()
    }
    let changed =
        // SAFETY: `careless` looks at none of what it is passed.
        unsafe { arch::patterned(null_mut(), Context::DANGLING, 0x1000_0000_0000, careless) };
    assert_eq!(changed.count_ones(), 1);
}

#[test]
fn control_words_belong_to_the_context() {
    /// Rounds up, as `fesetround` does it.
    unsafe extern "C-unwind" fn upward(word: *mut ()) -> ! {
        assert_eq!(Words::now(), Words::DEFAULT, "a new context has the defaults");
        Words::UPWARD.set();
        loop {
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { back(word.cast(), null_mut()) };
            assert_eq!(Words::now(), Words::UPWARD);
        }
    }
    /// Flushes to zero, which `fesetround` knows nothing of.
    unsafe extern "C-unwind" fn flushing(word: *mut ()) -> ! {
        assert_eq!(Words::now(), Words::DEFAULT, "a new context has the defaults");
        control::keep();
        let kept = Words::now().and_flush_to_zero();
        kept.set();
        loop {
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { back(word.cast(), null_mut()) };
            assert_eq!(Words::now(), kept);
        }
    }
    let pool = pool();
    let stacks = [pool.take().unwrap(), pool.take().unwrap()];
    // This flow has its own too.
    Words::TOWARDS_ZERO.set();
    let mut up = Pair::new(&stacks[0], upward);
    let mut flush = Pair::new(&stacks[1], flushing);
    for _ in 0..1000 {
        assert_eq!(Words::now(), Words::TOWARDS_ZERO);
        up.call();
        assert_eq!(Words::now(), Words::TOWARDS_ZERO);
        flush.call();
    }
    // And then the defaults, while the others keep theirs.
    Words::DEFAULT.set();
    for _ in 0..1000 {
        assert_eq!(Words::now(), Words::DEFAULT);
        up.call();
        assert_eq!(Words::now(), Words::DEFAULT);
        flush.call();
    }
    up.end();
    flush.end();
}

#[test]
fn keep_comes_and_goes() {
    control::keep();
    control::forget();
    assert_eq!(Words::now(), Words::DEFAULT);
}
