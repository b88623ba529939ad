//! Two tasks, or two groups of tasks, and the channels between them.

use crate::numbers::sum_below;
use crate::{Args, Receiver, Report, Runtime, Sender};
use std::time::Instant;

/// Two tasks hand a number to and fro, `n` round trips. Checks that it was incremented each time.
pub fn pingpong<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 500_000);
    let (ping, pings) = R::spsc::<u64>(0, false);
    let (pong, pongs) = R::spsc::<u64>(0, false);
    let (result, results) = R::spsc::<u64>(0, false);
    let start = Instant::now();
    R::go(move || {
        for _ in 0..n {
            pong.send(pings.expect() + 1);
        }
    });
    R::go(move || {
        let mut value = 0;
        for _ in 0..n {
            ping.send(value);
            value = pongs.expect();
        }
        result.send(value);
    });
    let value = results.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(value, n);
    Report::new(R::NAME, args, n, seconds).emit()
}

/// One task sends `n` numbers to another over a buffer of `cap`. Checks their sum. As `chan_buf_unb`
/// without a bound, for peers whose own channels have none.
pub fn chan_buf<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 5_000_000);
    let (tx, rx) = R::spsc::<u64>(args.get("cap", 128) as usize, args.workload == "chan_buf");
    let (result, results) = R::spsc::<u64>(0, false);
    let start = Instant::now();
    R::go(move || {
        for value in 0..n {
            tx.send(value);
        }
    });
    R::go(move || {
        let mut sum = 0;
        for _ in 0..n {
            sum += rx.expect();
        }
        result.send(sum);
    });
    let sum = results.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}

/// `p` tasks send `n` numbers in all to `c` tasks over one buffer of `cap`, until it is closed. Checks
/// how many arrived, and their sum. As `mpmc_unb` without a bound.
pub fn mpmc<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 2_000_000);
    let (producers, consumers) = (args.get("p", 8), args.get("c", 8));
    let (tx, rx) = R::mpmc::<u64>(args.get("cap", 128) as usize, args.workload == "mpmc");
    let (result, results) = R::mpsc::<(u64, u64)>(0, false);
    let each = n / producers;
    let start = Instant::now();
    for _ in 0..consumers {
        let (rx, result) = (rx.clone(), result.clone());
        R::go(move || {
            let (mut sum, mut count) = (0, 0);
            while let Some(value) = rx.recv() {
                sum += value;
                count += 1;
            }
            result.send((sum, count));
        });
    }
    for _ in 0..producers {
        let tx = tx.clone();
        R::go(move || {
            for value in 0..each {
                tx.send(value);
            }
        });
    }
    drop(tx);
    let (mut sum, mut count) = (0, 0);
    for _ in 0..consumers {
        let (its_sum, its_count) = results.expect();
        sum += its_sum;
        count += its_count;
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(count, each * producers);
    assert_eq!(sum, sum_below(each) * producers);
    Report::new(R::NAME, args, count, seconds).emit()
}
