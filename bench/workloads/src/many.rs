//! What it costs when many tasks wait.

use crate::{Args, Receiver, Report, Runtime, Sender, WaitGroup};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Waves of `wave` tasks, `n` in all, that wait for a channel. When all of a wave are there it is
/// closed, and they are waited for.
pub fn park<R: Runtime>(args: &Args) -> ! {
    let wave = args.get("wave", 1000) as usize;
    let waves = (args.get("n", 200_000) as usize / wave).max(1);
    let (complete, completed) = R::mpsc::<()>(1, false);
    let start = Instant::now();
    for _ in 0..waves {
        let (tx, rx) = R::mpmc::<u64>(0, false);
        let group = R::WaitGroup::new();
        group.add(wave);
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..wave {
            let (group, rx, started) = (group.clone(), rx.clone(), started.clone());
            let complete = complete.clone();
            R::go(move || {
                if started.fetch_add(1, Relaxed) + 1 == wave {
                    complete.send(());
                }
                assert_eq!(rx.recv(), None);
                group.done();
            });
        }
        completed.expect();
        drop(tx);
        group.wait();
    }
    Report::new(R::NAME, args, (waves * wave) as u64, start.elapsed().as_secs_f64()).emit()
}

/// How many messages each of `waiters` tasks gets, `n` in all or one for each.
pub fn share(args: &Args) -> (u64, u64) {
    let waiters = args.get("waiters", 1000);
    (waiters, (args.get("n", 200_000) / waiters).max(1))
}

/// `waiters` tasks wait for one channel. Then messages are sent, so that each gets as many as the
/// others. Checks their sum.
pub fn waiters<R: Runtime>(args: &Args) -> ! {
    let (waiters, each) = share(args);
    let (tx, rx) = R::mpmc::<u64>(0, false);
    let started = Arc::new(AtomicU64::new(0));
    let total = Arc::new(AtomicU64::new(0));
    let group = R::WaitGroup::new();
    group.add(waiters as usize);
    for _ in 0..waiters {
        let (group, rx) = (group.clone(), rx.clone());
        let (started, total) = (started.clone(), total.clone());
        R::go(move || {
            started.fetch_add(1, Relaxed);
            total.fetch_add((0..each).map(|_| rx.expect()).sum(), Relaxed);
            group.done();
        });
    }
    while started.load(Relaxed) < waiters {
        R::sleep(Duration::from_millis(1));
    }
    // The last one has started; now it waits as well.
    R::sleep(Duration::from_millis(10));
    let n = waiters * each;
    let start = Instant::now();
    for value in 0..n {
        tx.send(value);
    }
    group.wait();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(total.load(Relaxed), crate::numbers::sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}
