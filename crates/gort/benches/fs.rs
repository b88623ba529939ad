//! What it costs to give the processor away for a read of 4 KiB that are in memory: with nobody who wants it, and with
//! goroutines that always do. Nanoseconds, the best of some rounds.
//!
//! `cargo bench -p gort --bench fs`

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

const ROUNDS: usize = 5;

fn main() {
    let path = std::env::temp_dir().join(format!("gort-bench-fs-{}", std::process::id()));
    std::fs::write(&path, vec![7; 4096]).expect("a file");
    for processors in [1, 2] {
        for others in [0, 2 * processors] {
            let runtime = gort::Runtime::builder().processors(processors).build();
            let path = path.clone();
            let (std, gort) = runtime.expect("a runtime").run(move || reads(path, others));
            println!(
                "{processors} processor(s), {others} busy: std::fs {std:6.0} ns  gort::fs {gort:6.0} ns"
            );
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// With std's file and with gort's, beside so many goroutines that always yield.
fn reads(path: PathBuf, others: usize) -> (f64, f64) {
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..others)
        .map(|_| {
            let stop = stop.clone();
            gort::spawn(move || {
                while !stop.load(Relaxed) {
                    gort::yield_now();
                }
            })
        })
        .collect();
    let std = std::fs::File::open(&path).expect("the file");
    let gort = gort::fs::File::open(&path).expect("the file");
    let mut buffer = vec![0; 4096];
    let (mut with_std, mut with_gort) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let count = if others.is_empty() { 100_000 } else { 500 };
        let nanos = |start: Instant| start.elapsed().as_nanos() as f64 / f64::from(count);
        let start = Instant::now();
        (0..count).for_each(|_| drop(std.read_at(&mut buffer, 0)));
        with_std = with_std.min(nanos(start));
        let start = Instant::now();
        (0..count).for_each(|_| drop(gort.read_at(&mut buffer, 0)));
        with_gort = with_gort.min(nanos(start));
    }
    stop.store(true, Relaxed);
    others.into_iter().for_each(|other| other.join().expect("it has ended"));
    (with_std, with_gort)
}
