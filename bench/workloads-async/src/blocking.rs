use crate::AsyncRuntime;
use crate::wait_group::WaitGroup;
use std::time::Instant;
use workloads::blocking::MS;
use workloads::{Args, Report, process};

pub async fn blocking<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 64);
    let group = WaitGroup::<R>::new();
    group.add(n as usize);
    let start = Instant::now();
    for _ in 0..n {
        let group = group.clone();
        R::spawn(async move {
            R::blocking(|| process::nanosleep_ms(MS)).await;
            group.done();
        });
    }
    group.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    Report::new(R::NAME, args, n, seconds)
        .with("ms", seconds * 1e3)
        .with("threads", process::threads() as f64)
        .emit()
}
