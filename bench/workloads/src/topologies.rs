//! Many tasks and the channels between them: a ring, a tree, a pipeline that grows.

use crate::numbers::{nth_prime, sum_below};
use crate::{Args, Receiver, Report, Runtime, Sender};
use std::time::Instant;

/// A token goes round a ring of `tasks` tasks, `n` hops. It counts down; whoever has it at zero says
/// so.
pub fn ring<R: Runtime>(args: &Args) -> ! {
    let hops = args.get("n", 1_000_000);
    let tasks = args.get("tasks", 1000) as usize;
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..tasks).map(|_| R::spsc::<u64>(0, false)).unzip();
    // Task i receives from channel i and sends to channel i + 1.
    senders.rotate_left(1);
    let (last, lasts) = R::mpsc::<u64>(0, false);
    let (first, firsts) = R::spsc::<u64>(0, false);
    let mut firsts = Some(firsts);
    let start = Instant::now();
    for (me, (tx, rx)) in senders.into_iter().zip(receivers).enumerate() {
        // These channels have one sender each, so the token comes in by another way.
        let firsts = firsts.take();
        let last = last.clone();
        R::go(move || {
            if let Some(firsts) = firsts {
                tx.send(firsts.expect());
            }
            while let Some(left) = rx.recv() {
                if left == 0 {
                    last.send(me as u64);
                    return;
                }
                tx.send(left - 1);
            }
        });
    }
    first.send(hops);
    let stopped_at = lasts.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(stopped_at, (hops + 1) % tasks as u64);
    Report::new(R::NAME, args, hops, seconds).emit()
}

/// A tree in which each task starts ten and adds up what they send; the `n` leaves (a power of ten)
/// send their numbers. Checks the sum.
pub fn skynet<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 1_000_000);
    let (tx, rx) = R::mpsc::<u64>(0, false);
    let start = Instant::now();
    R::go(move || subtree::<R>(tx, 0, n));
    let sum = rx.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}

fn subtree<R: Runtime>(parent: R::MpscSender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        return parent.send(first);
    }
    let (tx, rx) = R::mpsc::<u64>(0, false);
    for child in 0..10 {
        let tx = tx.clone();
        R::go(move || subtree::<R>(tx, first + child * (leaves / 10), leaves / 10));
    }
    let mut sum = 0;
    for _ in 0..10 {
        sum += rx.expect();
    }
    parent.send(sum);
}

/// The first `n` primes, by a pipeline to which each of them adds a task that filters out its
/// multiples. Checks the last one.
pub fn sieve<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 2000);
    let start = Instant::now();
    let (tx, mut rx) = R::spsc::<u64>(0, true);
    R::go(move || {
        let mut candidate = 2;
        loop {
            tx.send(candidate);
            candidate += 1;
        }
    });
    let mut prime = 0;
    for _ in 0..n {
        prime = rx.expect();
        let (next, filtered) = R::spsc::<u64>(0, true);
        let candidates = std::mem::replace(&mut rx, filtered);
        R::go(move || {
            while let Some(candidate) = candidates.recv() {
                if candidate % prime != 0 {
                    next.send(candidate);
                }
            }
        });
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(prime, nth_prime(n));
    Report::new(R::NAME, args, n, seconds).with("last", prime as f64).emit()
}
