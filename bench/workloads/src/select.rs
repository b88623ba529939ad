//! Waiting for one of several channels.

use crate::numbers::sum_below;
use crate::{Args, Receiver, Report, Runtime, Sender};
use std::time::Instant;

/// Four tasks send on a channel each, `n` numbers in all; one receives by `select`. Checks the sum.
/// As `select_buf` the channels have buffers.
pub fn select<R: Runtime>(args: &Args) -> ! {
    let each = args.get("n", 1_000_000) / 4;
    let n = each * 4;
    let capacity = if args.workload == "select_buf" { 128 } else { 0 };
    let (result, results) = R::spsc::<u64>(0, false);
    let start = Instant::now();
    let receivers = std::array::from_fn(|_| {
        let (tx, rx) = R::spsc::<u64>(capacity, false);
        R::go(move || {
            for value in 0..each {
                tx.send(value);
            }
            // The channel stays open until the process ends: closing is not what is measured.
            std::mem::forget(tx);
        });
        rx
    });
    R::go(move || result.send(R::select_sum(receivers, n)));
    let sum = results.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(each) * 4);
    Report::new(R::NAME, args, n, seconds).emit()
}
