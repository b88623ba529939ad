use crate::AsyncRuntime;
use crate::wait_group::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use workloads::memory::{bytes_per_task, few, started_early};
use workloads::{Args, Report, process, report};

pub async fn mem<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 100_000);
    let (tx, rx) = async_channel::bounded::<u64>(1);
    let started = Arc::new(AtomicUsize::new(0));
    let group = WaitGroup::<R>::new();
    group.add(n as usize);
    let before = process::rss_kib();
    let start = Instant::now();
    for _ in 0..n {
        let (group, rx, started) = (group.clone(), rx.clone(), started.clone());
        R::spawn(async move {
            started.fetch_add(1, Relaxed);
            assert!(rx.recv().await.is_err());
            group.done();
        });
    }
    while started.load(Relaxed) < n as usize {
        R::sleep(Duration::from_millis(1)).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    // The last one has started; now it waits as well.
    R::sleep(Duration::from_millis(100)).await;
    let (rss, mappings) = (process::rss_kib(), process::mappings());
    let start = Instant::now();
    drop(tx);
    group.wait().await;
    let release = start.elapsed().as_secs_f64();
    Report::new(R::NAME, args, n, seconds)
        .with("bytes_per_task", bytes_per_task(before, rss, n))
        .with("release_s", release)
        .with("release_ns_per_task", release * 1e9 / n as f64)
        .with("maps", mappings as f64)
        .with("rss_after_kib", process::rss_kib() as f64)
        .emit()
}

pub async fn unstarted<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let started = Arc::new(AtomicUsize::new(0));
    let group = WaitGroup::<R>::new();
    group.add(n as usize);
    let before = process::rss_kib();
    let start = Instant::now();
    for _ in 0..n {
        let (group, started) = (group.clone(), started.clone());
        R::spawn(async move {
            started.fetch_add(1, Relaxed);
            group.done();
        });
    }
    let seconds = start.elapsed().as_secs_f64();
    let early = started.load(Relaxed);
    let rss = process::rss_kib();
    group.wait().await;
    assert_eq!(started.load(Relaxed), n as usize);
    if !few(early, n) {
        report::not_applicable(R::NAME, args, &started_early(early, n));
    }
    Report::new(R::NAME, args, n, seconds)
        .with("bytes_per_task", bytes_per_task(before, rss, n))
        .with("started_early", early as f64)
        .emit()
}
