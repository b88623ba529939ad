use crate::AsyncRuntime;
use std::hint::black_box;
use std::pin::Pin;
use std::time::Instant;
use workloads::numbers::{fib as serial_fib, fib_tasks};
use workloads::{Args, Report};

pub async fn fib<R: AsyncRuntime>(args: &Args) {
    let (n, cut, rounds) = (args.get("n", 32), args.get("cut", 12), args.get("rounds", 10));
    let start = Instant::now();
    let want = serial_fib(black_box(n));
    let serial = start.elapsed().as_secs_f64();
    assert_eq!(parallel_fib::<R>(n, cut).await, want);
    let start = Instant::now();
    for _ in 0..rounds {
        assert_eq!(parallel_fib::<R>(n, cut).await, want);
    }
    let seconds = start.elapsed().as_secs_f64() / rounds as f64;
    Report::new(R::NAME, args, fib_tasks(n, cut), seconds)
        .with("serial_s", serial)
        .with("ms", seconds * 1e3)
        .emit()
}

fn parallel_fib<R: AsyncRuntime>(n: u64, cut: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n <= cut {
            return serial_fib(black_box(n));
        }
        let left = R::spawn_join(parallel_fib::<R>(n - 1, cut));
        let right = parallel_fib::<R>(n - 2, cut).await;
        left.await + right
    })
}
