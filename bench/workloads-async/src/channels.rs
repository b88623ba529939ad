use crate::runtime::expect;
use crate::{AsyncReceiver, AsyncRuntime, AsyncSender};
use std::time::Instant;
use workloads::numbers::sum_below;
use workloads::{Args, Report};

pub async fn pingpong<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 500_000);
    let (ping, mut pings) = R::channel::<u64>(1);
    let (pong, mut pongs) = R::channel::<u64>(1);
    let (result, mut results) = R::channel::<u64>(1);
    let start = Instant::now();
    R::spawn(async move {
        for _ in 0..n {
            let value = expect(pings.recv().await);
            pong.send(value + 1).await;
        }
    });
    R::spawn(async move {
        let mut value = 0;
        for _ in 0..n {
            ping.send(value).await;
            value = expect(pongs.recv().await);
        }
        result.send(value).await;
    });
    let value = expect(results.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(value, n);
    Report::new(R::NAME, args, n, seconds).emit()
}

pub async fn chan_buf<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 5_000_000);
    let (tx, mut rx) = R::channel::<u64>(args.get("cap", 128) as usize);
    let (result, mut results) = R::channel::<u64>(1);
    let start = Instant::now();
    R::spawn(async move {
        for value in 0..n {
            tx.send(value).await;
        }
    });
    R::spawn(async move {
        let mut sum = 0;
        for _ in 0..n {
            sum += expect(rx.recv().await);
        }
        result.send(sum).await;
    });
    let sum = expect(results.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(sum, sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}

pub async fn mpmc<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 2_000_000);
    let (producers, consumers) = (args.get("p", 8), args.get("c", 8));
    let (tx, rx) = async_channel::bounded::<u64>(args.get("cap", 128) as usize);
    let (result, mut results) = R::channel::<(u64, u64)>(1);
    let each = n / producers;
    let start = Instant::now();
    for _ in 0..consumers {
        let (rx, result) = (rx.clone(), result.clone());
        R::spawn(async move {
            let (mut sum, mut count) = (0, 0);
            while let Ok(value) = rx.recv().await {
                sum += value;
                count += 1;
            }
            result.send((sum, count)).await;
        });
    }
    for _ in 0..producers {
        let tx = tx.clone();
        R::spawn(async move {
            for value in 0..each {
                if tx.send(value).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(tx);
    let (mut sum, mut count) = (0, 0);
    for _ in 0..consumers {
        let (its_sum, its_count) = expect(results.recv().await);
        sum += its_sum;
        count += its_count;
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(count, each * producers);
    assert_eq!(sum, sum_below(each) * producers);
    Report::new(R::NAME, args, count, seconds).emit()
}
