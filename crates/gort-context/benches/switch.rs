//! The raw switch beside corosensei's, in turns in one process: medians of nanoseconds.
//!
//! `cargo bench -p gort-context --bench switch`

#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each pair of flows switches in turn, as `switch` asks"
)]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "a bench")]

use std::hint::black_box;
use std::ptr::null_mut;
use std::time::Instant;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use gort_context::{Context, Stack, StackPool, control, discard, init, switch};

const ROUNDS: usize = 41;
const TURNS: u32 = 200_000;

fn main() {
    let pool = StackPool::new(256 << 10).expect("a pool");
    let stack = pool.take().expect("a stack");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut our_life = Vec::new();
    let mut their_life = Vec::new();
    let mut keeping = Vec::new();
    let mut their_stack = DefaultStack::new(256 << 10).expect("a stack");
    for _ in 0..ROUNDS {
        ours.push(round_trips(&stack) / 2.0);
        control::keep();
        keeping.push(round_trips(&stack) / 2.0);
        control::forget();
        theirs.push(corosensei_round_trips() / 2.0);
        our_life.push(lives(&stack));
        let (ns, back) = corosensei_lives(their_stack);
        their_stack = back;
        their_life.push(ns);
    }
    println!(
        "one-way switch                  gort-context {:6.2} ns   corosensei {:6.2} ns",
        median(ours),
        median(theirs)
    );
    println!("the same, one of the two flows with `control::keep`    {:6.2} ns", median(keeping));
    println!(
        "make, run, end on a used stack  gort-context {:6.2} ns   corosensei {:6.2} ns",
        median(our_life),
        median(their_life)
    );
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn per_turn(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS)
}

struct Pair {
    main: Context,
    other: Context,
}

unsafe extern "C-unwind" fn echo(mut word: *mut ()) -> ! {
    let pair = word.cast::<Pair>();
    loop {
        word = unsafe { switch(&raw mut (*pair).other, (*pair).main, word) };
    }
}

fn round_trips(stack: &Stack) -> f64 {
    let other = unsafe { init(stack, echo) }.expect("a context");
    let mut pair = Pair { main: Context::DANGLING, other };
    let pair = &raw mut pair;
    unsafe { switch(&raw mut (*pair).main, (*pair).other, pair.cast()) };
    let start = Instant::now();
    for _ in 0..TURNS {
        black_box(unsafe { switch(&raw mut (*pair).main, (*pair).other, null_mut()) });
    }
    let ns = per_turn(start);
    unsafe { discard((*pair).other) };
    ns
}

fn corosensei_round_trips() -> f64 {
    let mut co = Coroutine::<*mut (), *mut (), ()>::new(|yielder, mut word| {
        loop {
            word = yielder.suspend(word);
            if word.addr() == 1 {
                return;
            }
        }
    });
    co.resume(null_mut());
    let start = Instant::now();
    for _ in 0..TURNS {
        black_box(co.resume(null_mut()).as_yield());
    }
    let ns = per_turn(start);
    co.resume(std::ptr::without_provenance_mut(1));
    ns
}

fn lives(stack: &Stack) -> f64 {
    let start = Instant::now();
    for _ in 0..TURNS {
        let other = unsafe { init(stack, echo) }.expect("a context");
        let mut pair = Pair { main: Context::DANGLING, other };
        let pair = &raw mut pair;
        black_box(unsafe { switch(&raw mut (*pair).main, (*pair).other, pair.cast()) });
        unsafe { discard((*pair).other) };
    }
    per_turn(start)
}

fn corosensei_lives(mut stack: DefaultStack) -> (f64, DefaultStack) {
    let start = Instant::now();
    for _ in 0..TURNS {
        let mut co = Coroutine::<*mut (), (), *mut (), _>::with_stack(stack, |_, word| word);
        match co.resume(null_mut()) {
            CoroutineResult::Return(word) => black_box(word),
            CoroutineResult::Yield(()) => unreachable!("it never suspends"),
        };
        stack = co.into_stack();
    }
    (per_turn(start), stack)
}
