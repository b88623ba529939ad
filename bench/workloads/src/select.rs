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

/// Which of `arms` channels the next number is sent on: each once, in no order that a select might
/// follow, then all of them again. `arms` is a power of two.
pub fn next_arm(value: u64, arms: u64) -> usize {
    (value.wrapping_mul(0x9E37_79B9_7F4A_7C15) % arms) as usize
}

/// How many arms, and how many numbers: as many on each.
pub fn arms_and_numbers(args: &Args) -> (u64, u64) {
    let arms = args.get("arms", 16).next_power_of_two();
    (arms, (args.get("n", 200_000) / arms).max(1) * arms)
}

/// One task sends `n` numbers on `arms` channels, each time on another one, and waits for an answer; one
/// task receives by a `select` over all, whose arms are made at run time, and has to wait in it each time.
/// Checks the sum.
pub fn select_many<R: Runtime>(args: &Args) -> ! {
    let (arms, n) = arms_and_numbers(args);
    let (result, results) = R::spsc::<u64>(0, false);
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..arms).map(|_| R::spsc::<u64>(0, false)).unzip();
    let (answer, answers) = R::spsc::<()>(0, false);
    let start = Instant::now();
    R::go(move || {
        for value in 0..n {
            senders[next_arm(value, arms)].send(value);
            answers.expect();
        }
        // The channels stay open until the process ends: closing is not what is measured.
        std::mem::forget(senders);
    });
    R::go(move || result.send(R::select_many(receivers, answer, n)));
    let sum = results.expect();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_arm_has_its_turn() {
        let turns: HashSet<usize> = (64..128).map(|value| next_arm(value, 64)).collect();
        assert_eq!(turns.len(), 64);
    }
}
