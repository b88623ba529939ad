//! gort's bottom layer alone.

use gort_context::{Context, Stack, StackPool, discard, init};
use std::time::Instant;
use workloads::{Args, Report};

const STACK: usize = 256 << 10;

/// Two flows that switch to each other.
struct Pair {
    caller: Context,
    callee: Context,
    steps: u64,
}

impl Pair {
    fn new() -> Pair {
        Pair { caller: Context::DANGLING, callee: Context::DANGLING, steps: 0 }
    }
}

/// Goes on with the callee, until that switches back.
///
/// # Safety
/// The callee of `pair` is suspended in `count`, or has yet to start.
#[inline(always)]
unsafe fn resume(pair: *mut Pair) {
    // SAFETY: the callee is part of what the caller vouches for.
    let callee = unsafe { (*pair).callee };
    // SAFETY: as is that it is suspended. What it holds is not bound to a thread.
    unsafe { gort_context::switch(&raw mut (*pair).caller, callee, pair.cast()) };
}

/// Counts how often it is resumed.
unsafe extern "C-unwind" fn count(word: *mut ()) -> ! {
    let pair = word.cast::<Pair>();
    loop {
        // SAFETY: the caller is suspended in `resume` with its pair, and waits for this flow.
        let caller = unsafe {
            (*pair).steps += 1;
            (*pair).caller
        };
        // SAFETY: by the same.
        unsafe { gort_context::switch(&raw mut (*pair).callee, caller, pair.cast()) };
    }
}

fn a_stack() -> Stack {
    StackPool::new(STACK).and_then(|pool| pool.take()).expect("a stack")
}

/// `n` round trips into another context and back, of two switches each. Checks that it counted them.
pub fn switch(peer: &str, args: &Args) -> ! {
    let n = args.get("n", 10_000_000);
    let stack = a_stack();
    let mut pair = Pair::new();
    // SAFETY: the stack is ours, and lives until the process ends.
    pair.callee = unsafe { init(&stack, count) }.expect("a context");
    let pair = &raw mut pair;
    let start = Instant::now();
    for _ in 0..n {
        // SAFETY: the callee is in `count`.
        unsafe { resume(pair) };
    }
    let seconds = start.elapsed().as_secs_f64();
    // SAFETY: the callee is suspended.
    assert_eq!(unsafe { (*pair).steps }, n);
    Report::new(peer, args, 2 * n, seconds).emit()
}

/// `n` times: make a context on a stack that was used before, run it, give it up.
pub fn spawn(peer: &str, args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let stack = a_stack();
    let mut pair = Pair::new();
    let pair = &raw mut pair;
    let start = Instant::now();
    for _ in 0..n {
        // SAFETY: nothing else runs on the stack: the context before this one was given up.
        let callee = unsafe { init(&stack, count) }.expect("a context");
        // SAFETY: nobody else writes to the pair now.
        unsafe { (*pair).callee = callee };
        // SAFETY: the callee has yet to start.
        unsafe { resume(pair) };
        // SAFETY: it has switched away, and is not resumed any more.
        unsafe { discard((*pair).callee) };
    }
    let seconds = start.elapsed().as_secs_f64();
    // SAFETY: the callees are gone.
    assert_eq!(unsafe { (*pair).steps }, n);
    Report::new(peer, args, n, seconds).emit()
}
