//! How soon work gets a processor, and what that costs when there is none.

use crate::report::percentile;
use crate::{Args, Receiver, Report, Runtime, Sender, WaitGroup, numbers, process};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What there is between two messages of `wake`.
pub const PAUSE: Duration = Duration::from_millis(2);

/// A plain thread sends a message every 2 ms to a task of a runtime that has nothing else to do, `n`
/// times. Measures how long each takes to get there.
pub fn wake<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 500);
    let (tx, rx) = R::spsc::<Instant>(n as usize, false);
    thread::spawn(move || {
        for _ in 0..n {
            thread::sleep(PAUSE);
            tx.send(Instant::now());
        }
        // The channel stays open until the process ends.
        std::mem::forget(tx);
    });
    let start = Instant::now();
    let late_us = (0..n).map(|_| rx.expect().elapsed().as_secs_f64() * 1e6).collect();
    wake_report(R::NAME, args, start, late_us)
}

/// How late the messages were.
pub fn wake_report(peer: &str, args: &Args, start: Instant, mut late_us: Vec<f64>) -> ! {
    let seconds = start.elapsed().as_secs_f64();
    late_us.sort_by(f64::total_cmp);
    Report::new(peer, args, late_us.len() as u64, seconds).with_late(&late_us).emit()
}

/// A piece of work: who did it, and when it began.
struct Piece {
    thread: AtomicU64,
    began_ns: AtomicU64,
}

/// `n` times: one task starts `tasks` others at once, each of which computes for `us` microseconds,
/// `pieces` times, and yields in between. All that work is born on one processor. Measures how long it
/// takes, when a second thread sets to it, and how much of it the busiest one did.
pub fn spread<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 20);
    let (tasks, pieces) = (args.get("tasks", 1000) as usize, args.get("pieces", 1) as usize);
    let time = Duration::from_micros(args.get("us", 100));
    let (mut took_ms, mut second_us, mut busiest) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n {
        // Whoever has nothing to do goes to sleep.
        R::sleep(Duration::from_millis(10));
        let done: Arc<[Piece]> = (0..tasks * pieces)
            .map(|_| Piece { thread: AtomicU64::new(0), began_ns: AtomicU64::new(0) })
            .collect();
        let group = R::WaitGroup::new();
        group.add(tasks);
        let start = Instant::now();
        for task in 0..tasks {
            let (group, done) = (group.clone(), done.clone());
            R::go(move || {
                for piece in 0..pieces {
                    let this = &done[task * pieces + piece];
                    this.thread.store(process::thread_id(), Relaxed);
                    this.began_ns.store(start.elapsed().as_nanos() as u64, Relaxed);
                    numbers::spin(time);
                    if piece + 1 < pieces {
                        R::yield_now();
                    }
                }
                group.done();
            });
        }
        group.wait();
        took_ms.push(start.elapsed().as_secs_f64() * 1e3);
        let (second, part) = by_thread(&done);
        second_us.push(second);
        busiest.push(part * 100.0);
    }
    let seconds = took_ms.iter().sum::<f64>() / 1e3;
    let all = [&mut took_ms, &mut second_us, &mut busiest];
    all.into_iter().for_each(|values| values.sort_by(f64::total_cmp));
    Report::new(R::NAME, args, n * (tasks * pieces) as u64, seconds)
        .with("ms", percentile(&took_ms, 0.5))
        .with("max_ms", percentile(&took_ms, 1.0))
        .with("second_us", percentile(&second_us, 0.5))
        .with("busiest_percent", percentile(&busiest, 0.5))
        .emit()
}

/// When the second thread began, in microseconds; which part of the work the busiest one did. Without a
/// second one, when the last piece of work began.
fn by_thread(done: &[Piece]) -> (f64, f64) {
    let mut threads: HashMap<u64, (u64, usize)> = HashMap::new();
    let mut last = 0;
    for piece in done {
        let began = piece.began_ns.load(Relaxed);
        let (first, pieces) = threads.entry(piece.thread.load(Relaxed)).or_insert((began, 0));
        *first = (*first).min(began);
        *pieces += 1;
        last = last.max(began);
    }
    let mut firsts: Vec<u64> = threads.values().map(|(first, _)| *first).collect();
    firsts.sort_unstable();
    let most = threads.values().map(|(_, pieces)| *pieces).max().unwrap_or(0);
    let second = firsts.get(1).copied().unwrap_or(last);
    (second as f64 / 1e3, most as f64 / done.len() as f64)
}

/// The CPU used for a burst of work and in 20 ms after it in which there is nothing to do, beyond the work itself;
/// `n` bursts of 100 tasks of 10 us each. (From one rest to the next, as the kernel counts what a thread uses when that
/// goes to sleep: a second one that did half of the work would seem to have done it afterwards.)
pub fn calm<R: Runtime>(args: &Args) -> ! {
    const TASKS: usize = 100;
    const TIME: Duration = Duration::from_micros(10);
    let work = TASKS as f64 * TIME.as_secs_f64();
    let n = args.get("n", 50);
    let mut cpu_us = Vec::new();
    R::sleep(Duration::from_millis(20));
    let mut before = process::cpu().total();
    let start = Instant::now();
    for _ in 0..n {
        let group = R::WaitGroup::new();
        group.add(TASKS);
        for _ in 0..TASKS {
            let group = group.clone();
            R::go(move || {
                numbers::spin(TIME);
                group.done();
            });
        }
        group.wait();
        R::sleep(Duration::from_millis(20));
        let now = process::cpu().total();
        cpu_us.push((now - before - work) * 1e6);
        before = now;
    }
    let seconds = start.elapsed().as_secs_f64();
    cpu_us.sort_by(f64::total_cmp);
    Report::new(R::NAME, args, n, seconds).with("cpu_us", percentile(&cpu_us, 0.5)).emit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(thread: u64, began_ns: u64) -> Piece {
        Piece { thread: AtomicU64::new(thread), began_ns: AtomicU64::new(began_ns) }
    }

    #[test]
    fn who_did_how_much_and_when() {
        let done = [piece(1, 5000), piece(1, 1000), piece(2, 4000), piece(1, 9000)];
        assert_eq!(by_thread(&done), (4.0, 0.75));
        assert_eq!(by_thread(&done[..2]), (5.0, 1.0));
    }
}
