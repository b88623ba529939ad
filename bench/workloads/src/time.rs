//! Sleeping, and doing nothing.

use crate::numbers::mix;
use crate::{Args, Receiver, Report, Runtime, WaitGroup, process};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long the task of that number sleeps: 10 to 100 ms.
pub fn duration_of(task: u64) -> Duration {
    Duration::from_nanos(10_000_000 + mix(task) % 90_000_000)
}

/// How late a sleep of `due` was that took `took`, in microseconds and at least one: zero is for tasks
/// that have not woken. Panics if it was more than a millisecond early.
pub fn lateness_us(took: Duration, due: Duration) -> u32 {
    assert!(took + Duration::from_millis(1) >= due, "woke early: {took:?} of {due:?}");
    (took.saturating_sub(due).as_micros() as u32).max(1)
}

/// Sorts latenesses for the report. Checks that every task has woken.
pub fn sorted_latenesses(late: &[AtomicU32]) -> Vec<f64> {
    let mut late: Vec<f64> = late.iter().map(|us| f64::from(us.load(Relaxed))).collect();
    assert!(late.iter().all(|us| *us > 0.0), "not all tasks have woken");
    late.sort_by(f64::total_cmp);
    late
}

/// `n` tasks sleep once each, for different times. Measures how late they wake, and the CPU used.
pub fn sleep<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 100_000);
    let late: Arc<[AtomicU32]> = (0..n).map(|_| AtomicU32::new(0)).collect();
    let group = R::WaitGroup::new();
    let cpu = process::cpu();
    let start = Instant::now();
    for task in 0..n {
        group.add(1);
        let (group, late) = (group.clone(), late.clone());
        R::go(move || {
            let due = duration_of(task);
            let start = Instant::now();
            R::sleep(due);
            late[task as usize].store(lateness_us(start.elapsed(), due), Relaxed);
            group.done();
        });
    }
    let spawned = start.elapsed().as_secs_f64();
    group.wait();
    let seconds = start.elapsed().as_secs_f64();
    let cpu_used = process::cpu().total() - cpu.total();
    Report::new(R::NAME, args, n, seconds)
        .with("cpu_s", cpu_used)
        .with("cpu_ns_per_task", cpu_used * 1e9 / n as f64)
        .with("spawn_s", spawned)
        .with_late(&sorted_latenesses(&late))
        .emit()
}

/// The CPU that 1000 tasks use which wait for a channel, in `ms` milliseconds.
pub fn idle<R: Runtime>(args: &Args) -> ! {
    let time = Duration::from_millis(args.get("ms", 2000));
    let (tx, rx) = R::mpmc::<u64>(0, false);
    for _ in 0..1000 {
        let rx = rx.clone();
        R::go(move || {
            rx.recv();
        });
    }
    R::sleep(Duration::from_millis(200));
    let cpu = process::cpu();
    let start = Instant::now();
    R::sleep(time);
    let seconds = start.elapsed().as_secs_f64();
    let cpu_used = process::cpu().total() - cpu.total();
    std::mem::forget(tx);
    Report::new(R::NAME, args, 1, seconds).with("cpu_ms", cpu_used * 1e3).emit()
}
