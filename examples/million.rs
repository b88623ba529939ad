//! A million goroutines at once: all block on one channel, then each gets a number and adds it up.
//!
//! `cargo run --release --example million [GOROUTINES]`

use gort::chan::chan;
use gort::go;
use gort::sync::WaitGroup;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Memory of the process in bytes, page tables included. `None` where the kernel does not say.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = |field: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(field))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((kib("VmRSS:")? + kib("VmPTE:")?) * 1024)
}

#[gort::main]
fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "1000000".into());
    let Ok(count @ 1..=10_000_000) = argument.parse::<u64>() else {
        eprintln!("million: {argument:?} is not a number from 1 to 10000000");
        return ExitCode::FAILURE;
    };
    let (tx, rx) = chan::<u64>(0);
    let (sum, waiting) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let done = WaitGroup::new();
    done.add(count as isize);

    let before = memory();
    let start = Instant::now();
    for _ in 0..count {
        let (rx, sum, waiting, done) = (rx.clone(), sum.clone(), waiting.clone(), done.clone());
        go!(move || {
            waiting.fetch_add(1, Relaxed);
            sum.fetch_add(rx.recv().unwrap_or(0), Relaxed);
            done.done();
        });
    }
    while waiting.load(Relaxed) < count {
        gort::yield_now();
    }
    let nanos = start.elapsed().as_nanos() as u64 / count;
    print!("{count} goroutines wait: {nanos} ns to start and park each");
    match (before, memory()) {
        (Some(before), Some(after)) => println!(", {} bytes", after.saturating_sub(before) / count),
        _ => println!(),
    }

    let start = Instant::now();
    for number in 1..=count {
        if tx.send(number).is_err() {
            eprintln!("million: the receivers have gone");
            return ExitCode::FAILURE;
        }
    }
    done.wait();
    println!("released: {} ns each", start.elapsed().as_nanos() as u64 / count);
    let (sum, expected) = (sum.load(Relaxed), count * (count + 1) / 2);
    println!("sum {sum}, expected {expected}");
    if sum == expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
