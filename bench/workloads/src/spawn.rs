//! Starting tasks, letting others run, spreading them over the workers.

use crate::report::percentile;
use crate::{Args, Report, Runtime, WaitGroup, numbers};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// `n` tasks that do nothing, started in one go.
pub fn spawn<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    let group = R::WaitGroup::new();
    for _ in 0..n {
        group.add(1);
        let group = group.clone();
        R::go(move || group.done());
    }
    group.wait();
    Report::new(R::NAME, args, n, start.elapsed().as_secs_f64()).emit()
}

/// The same in waves, each waited for.
pub fn spawn_waves<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let wave = args.get("wave", 1000);
    let waves = n / wave;
    let start = Instant::now();
    for _ in 0..waves {
        let group = R::WaitGroup::new();
        group.add(wave as usize);
        for _ in 0..wave {
            let group = group.clone();
            R::go(move || group.done());
        }
        group.wait();
    }
    Report::new(R::NAME, args, waves * wave, start.elapsed().as_secs_f64()).emit()
}

/// Two tasks that yield to each other, `n` times each. `alternations` counts how often it was the
/// other's turn: a yield that returns at once is cheap.
pub fn yields<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let group = R::WaitGroup::new();
    group.add(2);
    let last = Arc::new(AtomicUsize::new(usize::MAX));
    let alternations = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    for me in 0..2 {
        let (group, last, alternations) = (group.clone(), last.clone(), alternations.clone());
        R::go(move || {
            let mut mine = 0;
            for _ in 0..n {
                if last.load(Relaxed) != me {
                    last.store(me, Relaxed);
                    mine += 1;
                }
                R::yield_now();
            }
            alternations.fetch_add(mine, Relaxed);
            group.done();
        });
    }
    group.wait();
    Report::new(R::NAME, args, 2 * n, start.elapsed().as_secs_f64())
        .with("alternations", alternations.load(Relaxed) as f64)
        .emit()
}

/// Does work spread over idle workers at once? `n` rounds: idle for 2 ms (`fanout`) or compute for as
/// long (`fanout_cpu`), then start two tasks of 1 ms of CPU each and wait for both. On two workers
/// that takes 1 ms at best, and 2 ms if they run one after the other.
pub fn fanout<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 200);
    let pause = Duration::from_millis(2);
    let mut times_us: Vec<f64> = Vec::with_capacity(n as usize);
    for _ in 0..n {
        if args.workload == "fanout_cpu" {
            numbers::spin(pause)
        } else {
            R::sleep(pause)
        }
        let group = R::WaitGroup::new();
        group.add(2);
        let start = Instant::now();
        for _ in 0..2 {
            let group = group.clone();
            R::go(move || {
                numbers::spin(Duration::from_millis(1));
                group.done();
            });
        }
        group.wait();
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
