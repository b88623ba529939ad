//! How fast the two CPUs are now, and how far apart. Hosts of virtual machines change both: a thread may
//! get half a core for a while, and a cache line may take three times as long from one CPU to the other.
//!
//! `calib` prints ten samples. `calib gate REFERENCE_MS` takes one short one and prints two numbers: how many
//! times slower two threads are that compute at once than the reference, and the cache-line round trip in
//! nanoseconds. `calib reference` prints the best time of one thread, in milliseconds.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use workloads::numbers::fib;
use workloads::process::pin_to;

/// Some milliseconds of computing.
const WORK: u64 = 32;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => samples(10),
        ["reference"] => println!("{:.3}", reference_ms()),
        ["gate", reference] if reference.parse::<f64>().is_ok_and(|ms| ms > 0.0) => {
            let reference: f64 = reference.parse().unwrap_or(1.0);
            let slower = both_ms(2).into_iter().fold(0.0, f64::max) / reference;
            println!("{slower:.3} {:.0}", round_trip_ns(30_000));
        }
        _ => {
            eprintln!("usage: calib [reference | gate REFERENCE_MS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn samples(count: u32) {
    for _ in 0..count {
        pin_to(0);
        let alone = compute_ms(20);
        let [first, second] = both_ms(20);
        let round_trip = round_trip_ns(200_000);
        println!(
            "alone {alone:.2} ms, both {first:.2} and {second:.2} ms, \
             cache-line round trip {round_trip:.0} ns"
        );
        thread::sleep(Duration::from_millis(300));
    }
}

/// The best of many: the CPU at full speed.
fn reference_ms() -> f64 {
    pin_to(0);
    (0..20).map(|_| compute_ms(1)).fold(f64::INFINITY, f64::min)
}

/// The mean of some rounds of computing.
fn compute_ms(rounds: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(fib(black_box(WORK)));
    }
    start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds)
}

/// The same on two CPUs at once.
fn both_ms(rounds: u32) -> [f64; 2] {
    let barrier = Arc::new(Barrier::new(2));
    let threads = [0, 1].map(|cpu| {
        let barrier = barrier.clone();
        thread::spawn(move || {
            pin_to(cpu);
            barrier.wait();
            compute_ms(rounds)
        })
    });
    threads.map(|thread| thread.join().expect("it only computes"))
}

/// How long a cache line takes from one CPU to the other and back.
fn round_trip_ns(rounds: u64) -> f64 {
    let line = Arc::new(AtomicU64::new(0));
    let other = thread::spawn({
        let line = line.clone();
        move || {
            pin_to(1);
            for round in 0..rounds {
                answer(&line, 2 * round + 1);
            }
        }
    });
    pin_to(0);
    let start = Instant::now();
    for round in 0..rounds {
        answer(&line, 2 * round);
    }
    other.join().expect("it only counts");
    start.elapsed().as_secs_f64() * 1e9 / rounds as f64
}

/// Waits for a number and writes the next.
fn answer(line: &AtomicU64, number: u64) {
    // Without a pause instruction, which would add a good part of a round trip.
    while line.load(Acquire) != number {}
    line.store(number + 1, Release);
}
