//! gort's bottom layer alone.

use gort_context::{Context, Stack, StackPool, discard, init};
use std::cell::Cell;
use std::time::Instant;
use workloads::{Args, Report};

const STACK: usize = 256 << 10;

/// Two flows that switch to each other.
struct Pair {
    caller: Cell<Context>,
    callee: Cell<Context>,
    steps: Cell<u64>,
}

impl Pair {
    fn new() -> Pair {
        let nobody = Cell::new(Context::DANGLING);
        Pair { caller: nobody.clone(), callee: nobody, steps: Cell::new(0) }
    }

    /// Goes on with the callee, until that switches back.
    ///
    /// # Safety
    /// The callee is suspended in `count`, or has yet to start there.
    #[inline(always)]
    unsafe fn resume(&self) {
        let me = (&raw const *self).cast_mut().cast();
        // SAFETY: the callee is suspended, and nothing in `count` is bound to a thread.
        unsafe { gort_context::switch(self.caller.as_ptr(), self.callee.get(), me) };
    }
}

/// Counts how often it is resumed.
unsafe extern "C-unwind" fn count(word: *mut ()) -> ! {
    // SAFETY: the word comes from `resume`, whose pair is there for as long as this flow.
    let pair = unsafe { &*word.cast::<Pair>() };
    loop {
        pair.steps.set(pair.steps.get() + 1);
        // SAFETY: the caller is suspended in `resume`.
        unsafe { gort_context::switch(pair.callee.as_ptr(), pair.caller.get(), word) };
    }
}

fn a_stack() -> Stack {
    StackPool::new(STACK).and_then(|pool| pool.take()).expect("a stack")
}

/// `n` round trips into another context and back, of two switches each. Checks that it counted them.
pub fn switch(peer: &str, args: &Args) -> ! {
    let n = args.get("n", 10_000_000);
    let stack = a_stack();
    let pair = Pair::new();
    // SAFETY: the stack is ours, and is there until the process ends.
    pair.callee.set(unsafe { init(&stack, count) }.expect("a context"));
    let start = Instant::now();
    for _ in 0..n {
        // SAFETY: the callee is in `count`.
        unsafe { pair.resume() };
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(pair.steps.get(), n);
    Report::new(peer, args, 2 * n, seconds).emit()
}

/// `n` times: make a context on a stack that was used before, run it, give it up.
pub fn spawn(peer: &str, args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let stack = a_stack();
    let pair = Pair::new();
    let start = Instant::now();
    for _ in 0..n {
        // SAFETY: nothing else runs on the stack: the context before this one was given up.
        pair.callee.set(unsafe { init(&stack, count) }.expect("a context"));
        // SAFETY: the callee has yet to start.
        unsafe { pair.resume() };
        // SAFETY: it has switched away, and is not resumed any more.
        unsafe { discard(pair.callee.get()) };
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(pair.steps.get(), n);
    Report::new(peer, args, n, seconds).emit()
}
