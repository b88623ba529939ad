//! What stacks cost: fresh, used again, looked at, trimmed. Medians of nanoseconds each.
//!
//! `cargo bench -p gort-context --bench stack`

use std::hint::black_box;
use std::time::Instant;

use gort_context::{Guard, Options, Stack, StackPool};

const ROUNDS: usize = 9;
const COUNT: usize = 20_000;

fn timed(count: usize, f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn show(what: &str, mut once: impl FnMut() -> f64) {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    println!("{what:55} {:8.1} ns", times[ROUNDS / 2]);
}

fn take(pool: &StackPool, count: usize) -> Vec<Stack> {
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, count).expect("stacks");
    stacks
}

fn use_pages(stacks: &[Stack], pages: usize) {
    for stack in stacks {
        for page in 1..=pages {
            // SAFETY: nothing runs on the stack, and these pages are below its top, above its limit.
            unsafe { stack.top().wrapping_sub(page * 4000).cast::<u8>().write_volatile(1) };
        }
    }
}

fn main() {
    for guard_len in [4096, 16 << 10, 64 << 10] {
        show(&format!("fresh, a guard of {} KiB by madvise", guard_len >> 10), || {
            let pool = Options::new(256 << 10).guard_len(guard_len).build().expect("a pool");
            timed(COUNT, || drop(black_box(take(&pool, COUNT))))
        });
    }
    show("fresh, a guard by mprotect", || {
        let pool = Options::new(256 << 10).guard(Guard::Mprotect).build().expect("a pool");
        timed(COUNT, || drop(black_box(take(&pool, COUNT))))
    });
    let pool = StackPool::new(256 << 10).expect("a pool");
    show("used again: take, drop", || {
        timed(COUNT, || (0..COUNT).for_each(|_| drop(black_box(pool.take()))))
    });
    let mut few = Vec::new();
    show("used again: take_many, put_many of 32, each", || {
        timed(COUNT, || {
            for _ in 0..COUNT / 32 {
                pool.take_many(&mut few, 32).expect("stacks");
                pool.put_many(black_box(&mut few).drain(..));
            }
        })
    });
    let mut stack = pool.take().expect("a stack");
    show("used_deep, one that was not", || {
        timed(COUNT, || {
            (0..COUNT).for_each(|_| assert!(!black_box(&mut stack).used_deep(16 << 10)))
        })
    });
    let mut stacks = take(&pool, COUNT);
    show("used_deep, many that were not", || {
        timed(COUNT, || stacks.iter_mut().for_each(|stack| assert!(!stack.used_deep(16 << 10))))
    });
    show("trim of one, 3 pages below the first", || {
        use_pages(&stacks, 4);
        timed(COUNT, || stacks.iter_mut().for_each(Stack::trim))
    });
    drop(stacks);
    show("trim of a pool, 3 pages below the first", || {
        let stacks = take(&pool, COUNT);
        use_pages(&stacks, 4);
        drop(stacks);
        timed(COUNT, || assert!(pool.trim(usize::MAX) >= COUNT))
    });
    show("trim of a pool, only the first page used", || {
        drop(take(&pool, COUNT));
        timed(COUNT, || assert!(pool.trim(usize::MAX) >= COUNT))
    });
}
