use crate::AsyncRuntime;
use crate::wait_group::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use workloads::report::percentile;
use workloads::{Args, Report, numbers};

pub async fn spawn<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    let group = WaitGroup::<R>::new();
    for _ in 0..n {
        group.add(1);
        let group = group.clone();
        R::spawn(async move { group.done() });
    }
    group.wait().await;
    Report::new(R::NAME, args, n, start.elapsed().as_secs_f64()).emit()
}

pub async fn spawn_waves<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let wave = args.get("wave", 1000);
    let waves = n / wave;
    let start = Instant::now();
    for _ in 0..waves {
        let group = WaitGroup::<R>::new();
        group.add(wave as usize);
        for _ in 0..wave {
            let group = group.clone();
            R::spawn(async move { group.done() });
        }
        group.wait().await;
    }
    Report::new(R::NAME, args, waves * wave, start.elapsed().as_secs_f64()).emit()
}

pub async fn yields<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let group = WaitGroup::<R>::new();
    group.add(2);
    let last = Arc::new(AtomicUsize::new(usize::MAX));
    let alternations = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    for me in 0..2 {
        let (group, last, alternations) = (group.clone(), last.clone(), alternations.clone());
        R::spawn(async move {
            let mut mine = 0;
            for _ in 0..n {
                if last.load(Relaxed) != me {
                    last.store(me, Relaxed);
                    mine += 1;
                }
                R::yield_now().await;
            }
            alternations.fetch_add(mine, Relaxed);
            group.done();
        });
    }
    group.wait().await;
    Report::new(R::NAME, args, 2 * n, start.elapsed().as_secs_f64())
        .with("alternations", alternations.load(Relaxed) as f64)
        .emit()
}

pub async fn fanout<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 200);
    let pause = Duration::from_millis(2);
    let mut times_us: Vec<f64> = Vec::with_capacity(n as usize);
    for _ in 0..n {
        if args.workload == "fanout_cpu" {
            numbers::spin(pause)
        } else {
            R::sleep(pause).await
        }
        let group = WaitGroup::<R>::new();
        group.add(2);
        let start = Instant::now();
        for _ in 0..2 {
            let group = group.clone();
            R::spawn(async move {
                numbers::spin(Duration::from_millis(1));
                group.done();
            });
        }
        group.wait().await;
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let seconds = times_us.iter().sum::<f64>() / 1e6;
    times_us.sort_by(f64::total_cmp);
    Report::new(R::NAME, args, n, seconds)
        .with("p50_us", percentile(&times_us, 0.5))
        .with("p99_us", percentile(&times_us, 0.99))
        .with("max_us", percentile(&times_us, 1.0))
        .emit()
}
