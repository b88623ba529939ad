//! What survives a switch. For registers see `registers/`.

#[path = "support/pair.rs"]
mod pair;

use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::ptr::null_mut;

use gort_context::{StackPool, carried, on_context, on_stack, pass_discard};
use pair::{Pair, back};

fn number(n: usize) -> *mut () {
    std::ptr::without_provenance_mut(n)
}

fn pool() -> StackPool {
    StackPool::new(256 << 10).unwrap()
}

#[test]
fn words_go_both_ways() {
    unsafe extern "C-unwind" fn add_one(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        let mut n = 0;
        loop {
            // SAFETY: it is the other flow of the pair that it was given.
            n = unsafe { back(pair, number(n + 1)) }.addr();
        }
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, add_one);
    assert_eq!(pair.call().addr(), 1);
    for n in 0..1000 {
        assert_eq!(pair.go(number(n)).addr(), n + 1);
    }
    pair.end();
}

#[test]
fn a_context_that_never_ran_is_discarded() {
    unsafe extern "C-unwind" fn never(_: *mut ()) -> ! {
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    Pair::new(&stack, never).end();
}

#[test]
fn a_large_frame_survives() {
    unsafe fn fill(pair: *mut Pair, turn: usize) {
        let mut frame = [0_usize; (64 << 10) / size_of::<usize>()];
        for (i, word) in frame.iter_mut().enumerate() {
            *word = i * turn;
        }
        black_box(&mut frame);
        // SAFETY: by this function's caller it is the other flow of this pair.
        unsafe { back(pair, null_mut()) };
        for (i, word) in black_box(&frame).iter().enumerate() {
            assert_eq!(*word, i * turn);
        }
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        for turn in 0.. {
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { fill(word.cast(), turn) };
        }
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    pair.call();
    for _ in 0..200 {
        pair.go(null_mut());
    }
    pair.end();
}

#[cfg(not(feature = "threads"))]
#[test]
fn a_stack_that_was_used_deep_is_trimmed_while_its_flow_waits() {
    #[inline(never)]
    fn go_deep(depth: usize) -> usize {
        let frame = black_box([depth; 1000]);
        if depth > 0 {
            return go_deep(depth - 1) + black_box(&frame)[500];
        }
        // Unwinding needs to know where the stack ends, where the system asks for that. Down here, as it leaves
        // zeros where it has been, and pages with zeros at their low ends look unused.
        assert!(catch_unwind(|| resume_unwind(Box::new(()))).is_err());
        0
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        loop {
            assert_eq!(go_deep(9), 9 * 10 / 2);
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { back(word.cast(), null_mut()) };
        }
    }
    let pool = pool();
    let mut stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    pair.call();
    for _ in 0..10 {
        assert!(stack.used_deep(64 << 10));
        // SAFETY: the flow waits on this stack.
        unsafe { stack.trim_below(pair.other) };
        assert!(cfg!(unix) || !stack.used_deep(16 << 10));
        pair.go(null_mut());
    }
    pair.end();
}

#[test]
fn a_panic_is_caught_inside() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let caught = catch_unwind(|| resume_unwind(Box::new(7_usize)));
        let n = *pass_discard(caught.unwrap_err()).downcast::<usize>().unwrap();
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { back(word.cast(), number(n)) };
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    assert_eq!(pair.call().addr(), 7);
    pair.end();
}

#[test]
fn a_panic_crosses_on_stack() {
    let pool = pool();
    let mut stack = pool.take().unwrap();
    let caught = catch_unwind(std::panic::AssertUnwindSafe(|| {
        on_stack(&mut stack, || {
            if black_box(true) {
                std::panic::panic_any(42_usize);
            }
        })
    }));
    assert_eq!(*caught.unwrap_err().downcast::<usize>().unwrap(), 42);
    assert_eq!(on_stack(&mut stack, || 1), 1);
}

#[test]
fn on_stack_runs_there() {
    let pool = pool();
    let mut stack = pool.take().unwrap();
    let range = stack.limit().addr()..stack.top().addr();
    let at = on_stack(&mut stack, || {
        let local = 0_u8;
        black_box(&raw const local).addr()
    });
    assert_eq!(range.contains(&at), cfg!(not(feature = "threads")));
}

#[test]
fn on_context_runs_below_the_suspended_flow() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        let marks = black_box([3_usize; 100]);
        // SAFETY: the pair is there as long as its flow.
        let main = unsafe { (*pair).main };
        // SAFETY: the test waits in `main`, and is not gone back to meanwhile.
        let there = unsafe {
            on_context(main, || {
                let caught = catch_unwind(|| resume_unwind(Box::new(())));
                assert!(caught.is_err());
                let mut junk = [7_usize; 500];
                black_box(&mut junk);
                junk.as_ptr().addr()
            })
        };
        assert_eq!(black_box(marks), [3; 100]);
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { back(pair, number(there)) };
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    let marks = black_box([5_usize; 100]);
    let there = pair.call().addr();
    assert_eq!(black_box(marks), [5; 100]);
    if cfg!(not(feature = "threads")) {
        assert!(
            there.abs_diff((&raw const marks).addr()) < 64 << 10,
            "ran on this thread's own stack"
        );
    }
    pair.end();
}

#[test]
fn contexts_move_between_threads() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        loop {
            // What `carried` holds is the thread's, not the context's.
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { back(pair, carried::get()) };
        }
    }
    struct Sent(*mut Pair);
    // SAFETY: the pair's owner waits for the thread that it is sent to.
    unsafe impl Send for Sent {}
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    // SAFETY: nobody but this test looks at what this thread carries.
    unsafe { carried::set(number(1)) };
    assert_eq!(pair.call().addr(), 1);
    for n in 2..50 {
        let sent = Sent(&raw mut *pair);
        std::thread::spawn(move || {
            let sent = sent;
            assert!(carried::get().is_null());
            // SAFETY: nobody but this test looks at what this thread carries.
            unsafe { carried::set(number(n)) };
            // SAFETY: its owner waits for this thread.
            let pair = unsafe { &mut *sent.0 };
            assert_eq!(pair.go(null_mut()).addr(), n);
            assert_eq!(pair.go(null_mut()).addr(), n);
        })
        .join()
        .unwrap();
        assert_eq!(pair.go(null_mut()).addr(), 1);
    }
    // SAFETY: nobody but this test looks at what this thread carries.
    unsafe { carried::set(null_mut()) };
    pair.end();
}

#[test]
fn a_stack_is_used_again_and_again() {
    unsafe extern "C-unwind" fn once(word: *mut ()) -> ! {
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { back(word.cast(), number(9)) };
        unreachable!()
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let turns = if cfg!(feature = "threads") { 100 } else { 10_000 };
    for _ in 0..turns {
        let mut pair = Pair::new(&stack, once);
        assert_eq!(pair.call().addr(), 9);
        pair.end();
    }
}

#[cfg(not(feature = "threads"))]
const STRANGE: usize = 0x5000_0000_0000;
/// Not on any stack but where it is wanted.
#[cfg(not(feature = "threads"))]
static POINTERS: [usize; 6] = [1, STRANGE - 1, STRANGE + 1024, STRANGE, STRANGE + 1023, 0];

/// Puts a pointer on the stack, goes so many frames deeper, waits there, and comes back.
#[cfg(not(feature = "threads"))]
#[inline(never)]
unsafe fn wait_deep_in(pair: *mut Pair, depth: usize, pointer: usize) {
    let held = black_box([black_box(&POINTERS)[pointer]; 8]);
    if depth == 0 {
        // SAFETY: by this function's caller it is the other flow of this pair.
        unsafe { back(pair, null_mut()) };
    } else {
        // SAFETY: by this function's caller it is the other flow of this pair.
        unsafe { wait_deep_in(pair, depth - 1, 5) };
    }
    assert_eq!(black_box(&held)[7], black_box(&POINTERS)[pointer]);
}

#[cfg(not(feature = "threads"))]
#[test]
fn pointers_on_a_suspended_stack_are_found() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        for depth in [0, 1, 10, 100] {
            for pointer in 0..5 {
                // SAFETY: it is the other flow of the pair that it was given.
                unsafe { wait_deep_in(pair, depth, pointer) };
            }
        }
        unreachable!("it is discarded");
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    pair.call();
    let strange = gort_context::Addresses::new(STRANGE..STRANGE + 1024);
    let mut left = 4 * 5;
    for depth in [0, 1, 10, 100] {
        for found in [false, false, false, true, true] {
            let look = || {
                // SAFETY: the flow waits, on a stack of this size.
                unsafe { gort_context::points_into(pair.other, &pool, strange) }
            };
            assert_eq!(look(), found, "{depth} frames up");
            if !found {
                let start = std::time::Instant::now();
                (0..1000).for_each(|_| assert!(!black_box(look())));
                println!("{depth} frames up: {} ns", start.elapsed().as_nanos() / 1000);
            }
            left -= 1;
            if left > 0 {
                pair.go(null_mut());
            }
        }
    }
    pair.end();
}

/// A frame with room that it does not write to: what has been left there stays there.
#[cfg(all(any(target_arch = "aarch64", debug_assertions), not(feature = "threads")))]
#[inline(never)]
unsafe fn wait_with_room(pair: *mut Pair) {
    let mut room = std::mem::MaybeUninit::<[usize; 64]>::uninit();
    black_box(&raw mut room);
    // SAFETY: by this function's caller it is the other flow of this pair.
    unsafe { back(pair, null_mut()) };
    black_box(&raw mut room);
}

#[cfg(all(any(target_arch = "aarch64", debug_assertions), not(feature = "threads")))]
#[test]
fn what_earlier_calls_have_left_is_wiped() {
    #[inline(never)]
    fn leave_pointers() {
        black_box([black_box(&POINTERS)[3]; 64]);
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        leave_pointers();
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { wait_with_room(pair) };
        leave_pointers();
        gort_context::wipe_below();
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { wait_with_room(pair) };
        unreachable!("it is discarded");
    }
    let pool = pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    let strange = gort_context::Addresses::new(STRANGE..STRANGE + 1024);
    let look = |pair: &Pair| {
        // SAFETY: the flow waits, on a stack of this size.
        unsafe { gort_context::points_into(pair.other, &pool, strange) }
    };
    pair.call();
    assert!(look(&pair), "else this test shows nothing");
    pair.go(null_mut());
    assert!(!look(&pair));
    pair.end();
}
