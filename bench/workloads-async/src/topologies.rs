use crate::runtime::expect;
use crate::{AsyncReceiver, AsyncRuntime, AsyncSender};
use std::pin::Pin;
use std::time::Instant;
use workloads::numbers::{nth_prime, sum_below};
use workloads::{Args, Report};

pub async fn ring<R: AsyncRuntime>(args: &Args) {
    let hops = args.get("n", 1_000_000);
    let tasks = args.get("tasks", 1000) as usize;
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..tasks).map(|_| R::channel::<u64>(1)).unzip();
    let first = senders[0].clone();
    // Task i receives from channel i and sends to channel i + 1.
    senders.rotate_left(1);
    let (last, mut lasts) = R::channel::<u64>(1);
    let start = Instant::now();
    for (me, (tx, mut rx)) in senders.into_iter().zip(receivers).enumerate() {
        let last = last.clone();
        R::spawn(async move {
            while let Some(left) = rx.recv().await {
                if left == 0 {
                    last.send(me as u64).await;
                    return;
                }
                tx.send(left - 1).await;
            }
        });
    }
    first.send(hops).await;
    let stopped_at = expect(lasts.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(stopped_at, hops % tasks as u64);
    Report::new(R::NAME, args, hops, seconds).emit()
}

pub async fn skynet<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    let (tx, mut rx) = R::channel::<u64>(1);
    R::spawn(subtree::<R>(tx, 0, n));
    let sum = expect(rx.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}

fn subtree<R: AsyncRuntime>(
    parent: R::Sender<u64>,
    first: u64,
    leaves: u64,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            parent.send(first).await;
            return;
        }
        let (tx, mut rx) = R::channel::<u64>(1);
        for child in 0..10 {
            R::spawn(subtree::<R>(tx.clone(), first + child * (leaves / 10), leaves / 10));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += expect(rx.recv().await);
        }
        parent.send(sum).await;
    })
}

pub async fn sieve<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 2000);
    let start = Instant::now();
    let (tx, mut rx) = R::channel::<u64>(1);
    R::spawn(async move {
        let mut candidate = 2;
        while tx.send(candidate).await {
            candidate += 1;
        }
    });
    let mut prime = 0;
    for _ in 0..n {
        prime = expect(rx.recv().await);
        let (next, filtered) = R::channel::<u64>(1);
        let mut candidates = std::mem::replace(&mut rx, filtered);
        R::spawn(async move {
            while let Some(candidate) = candidates.recv().await {
                if candidate % prime != 0 && !next.send(candidate).await {
                    return;
                }
            }
        });
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(prime, nth_prime(n));
    Report::new(R::NAME, args, n, seconds).with("last", prime as f64).emit()
}
