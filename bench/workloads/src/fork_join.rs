//! Computing by divide and conquer.

use crate::numbers::{fib as serial_fib, fib_tasks};
use crate::{Args, Join, Receiver, Report, Runtime, Sender};
use std::hint::black_box;
use std::time::Instant;

/// fib(`n`), with a task for one of the two branches of each call above `cut`; the mean of `rounds`
/// rounds after one to warm up. Checks the number each time. An operation is a task.
pub fn fib<R: Runtime>(args: &Args) -> ! {
    let (n, cut, rounds) = (args.get("n", 32), args.get("cut", 12), args.get("rounds", 10));
    let start = Instant::now();
    let want = serial_fib(black_box(n));
    let serial = start.elapsed().as_secs_f64();
    let (result, results) = R::spsc::<f64>(0, false);
    R::go(move || {
        assert_eq!(parallel_fib::<R>(n, cut), want);
        let start = Instant::now();
        for _ in 0..rounds {
            assert_eq!(parallel_fib::<R>(n, cut), want);
        }
        result.send(start.elapsed().as_secs_f64() / rounds as f64);
    });
    let seconds = results.expect();
    Report::new(R::NAME, args, fib_tasks(n, cut), seconds)
        .with("serial_s", serial)
        .with("ms", seconds * 1e3)
        .emit()
}

fn parallel_fib<R: Runtime>(n: u64, cut: u64) -> u64 {
    if n <= cut {
        return serial_fib(black_box(n));
    }
    let left = R::go_join(move || parallel_fib::<R>(n - 1, cut));
    let right = parallel_fib::<R>(n - 2, cut);
    left.join() + right
}
