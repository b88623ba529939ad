use crate::runtime::expect;
use crate::{AsyncReceiver, AsyncRuntime, AsyncSender};
use std::time::Instant;
use workloads::numbers::sum_below;
use workloads::select::{arms_and_numbers, next_arm};
use workloads::{Args, Report};

pub async fn select<R: AsyncRuntime>(args: &Args) {
    let each = args.get("n", 1_000_000) / 4;
    let n = each * 4;
    let capacity = if args.workload == "select_buf" { 128 } else { 1 };
    let (result, mut results) = R::channel::<u64>(1);
    let start = Instant::now();
    let receivers = std::array::from_fn(|_| {
        let (tx, rx) = R::channel::<u64>(capacity);
        R::spawn(async move {
            for value in 0..each {
                tx.send(value).await;
            }
            // The channel stays open until the process ends: closing is not what is measured.
            std::mem::forget(tx);
        });
        rx
    });
    R::spawn(async move {
        let sum = R::select_sum(receivers, n).await;
        result.send(sum).await;
    });
    let sum = expect(results.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(each) * 4);
    Report::new(R::NAME, args, n, seconds).emit()
}

pub async fn select_many<R: AsyncRuntime>(args: &Args) {
    let (arms, n) = arms_and_numbers(args);
    let (result, mut results) = R::channel::<u64>(1);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..arms).map(|_| R::channel::<u64>(1)).unzip();
    let (answer, mut answers) = R::channel::<()>(1);
    let start = Instant::now();
    R::spawn(async move {
        for value in 0..n {
            senders[next_arm(value, arms)].send(value).await;
            expect(answers.recv().await);
        }
        // The channels stay open until the process ends: closing is not what is measured.
        std::mem::forget(senders);
    });
    R::spawn(async move {
        let sum = R::select_many(receivers, answer, n).await;
        result.send(sum).await;
    });
    let sum = expect(results.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}
