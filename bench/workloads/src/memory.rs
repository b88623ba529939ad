//! What a task costs in memory.

use crate::{Args, Receiver, Report, Runtime, WaitGroup, process, report};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How many bytes each of `n` tasks takes if they take `kib` more than there were `before`.
pub fn bytes_per_task(before: u64, kib: u64, n: u64) -> f64 {
    kib.saturating_sub(before) as f64 * 1024.0 / n as f64
}

/// `n` tasks that wait for a channel: the memory that each takes, and how long it takes to get there.
/// Then the channel is closed, which wakes them all.
pub fn mem<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 100_000);
    let (tx, rx) = R::mpmc::<u64>(0, false);
    let started = Arc::new(AtomicUsize::new(0));
    let group = R::WaitGroup::new();
    group.add(n as usize);
    let before = process::rss_kib();
    let start = Instant::now();
    for _ in 0..n {
        let (group, rx, started) = (group.clone(), rx.clone(), started.clone());
        R::go(move || {
            started.fetch_add(1, Relaxed);
            assert_eq!(rx.recv(), None);
            group.done();
        });
    }
    while started.load(Relaxed) < n as usize {
        R::sleep(Duration::from_millis(1));
    }
    let seconds = start.elapsed().as_secs_f64();
    // The last one has started; now it waits as well.
    R::sleep(Duration::from_millis(100));
    let (rss, mappings) = (process::rss_kib(), process::mappings());
    let start = Instant::now();
    drop(tx);
    group.wait();
    let release = start.elapsed().as_secs_f64();
    Report::new(R::NAME, args, n, seconds)
        .with("bytes_per_task", bytes_per_task(before, rss, n))
        .with("release_s", release)
        .with("release_ns_per_task", release * 1e9 / n as f64)
        .with("maps", mappings as f64)
        .with("rss_after_kib", process::rss_kib() as f64)
        .emit()
}

/// `n` tasks that have not run yet: the memory that each takes. Meant for one worker, on which none
/// runs while the first task starts them all. Where some have run nonetheless (the runtime preempts,
/// or starts tasks at once) the number would say nothing, and is not given.
pub fn unstarted<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let started = Arc::new(AtomicUsize::new(0));
    let group = R::WaitGroup::new();
    group.add(n as usize);
    let before = process::rss_kib();
    let start = Instant::now();
    for _ in 0..n {
        let (group, started) = (group.clone(), started.clone());
        R::go(move || {
            started.fetch_add(1, Relaxed);
            group.done();
        });
    }
    let seconds = start.elapsed().as_secs_f64();
    let early = started.load(Relaxed);
    let rss = process::rss_kib();
    group.wait();
    assert_eq!(started.load(Relaxed), n as usize);
    if !few(early, n) {
        report::not_applicable(R::NAME, args, &started_early(early, n));
    }
    Report::new(R::NAME, args, n, seconds)
        .with("bytes_per_task", bytes_per_task(before, rss, n))
        .with("started_early", early as f64)
        .emit()
}

/// Few enough that they do not show in the memory of all.
pub fn few(started: usize, n: u64) -> bool {
    started as u64 <= n / 100
}

/// Why there is no number for `unstarted`.
pub fn started_early(started: usize, n: u64) -> String {
    format!("{started} of {n} tasks ran before all were started")
}
