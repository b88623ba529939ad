//! corosensei has no scheduler; what can be compared is its switch, with that of `gort-context`.

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use std::time::Instant;
use workloads::{Args, Report, report};

const NAME: &str = "corosensei";
const STACK: usize = 32 << 10;

/// `n` round trips into a coroutine and back, of two switches each. Checks that it counted them.
fn switch(args: &Args) -> ! {
    let n = args.get("n", 10_000_000);
    let mut coroutine = Coroutine::new(|yielder, mut step: u64| {
        let mut sum = 0;
        while step != u64::MAX {
            sum += step;
            step = yielder.suspend(sum);
        }
        sum
    });
    let start = Instant::now();
    for _ in 0..n {
        assert!(matches!(coroutine.resume(1), CoroutineResult::Yield(_)));
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!(matches!(coroutine.resume(u64::MAX), CoroutineResult::Return(sum) if sum == n));
    Report::new(NAME, args, 2 * n, seconds).emit()
}

/// `n` times: make a coroutine on a stack that was used before, run it, take the stack back.
fn spawn(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let mut stack = DefaultStack::new(STACK).expect("a stack");
    let start = Instant::now();
    for _ in 0..n {
        let mut coroutine = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| ());
        coroutine.resume(());
        stack = coroutine.into_stack();
    }
    Report::new(NAME, args, n, start.elapsed().as_secs_f64()).emit()
}

fn main() {
    let args = Args::parse();
    match args.workload.as_str() {
        "switch" => switch(&args),
        "coro_spawn" => spawn(&args),
        _ => report::not_applicable(NAME, &args, "it has no scheduler"),
    }
}
