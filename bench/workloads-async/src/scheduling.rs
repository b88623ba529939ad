use crate::runtime::expect;
use crate::{AsyncReceiver, AsyncRuntime, AsyncSender};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;
use workloads::Args;
use workloads::scheduling::{PAUSE, wake_report};

pub async fn wake<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 500);
    let (tx, mut rx) = R::channel::<Instant>(n as usize);
    thread::spawn(move || {
        for _ in 0..n {
            thread::sleep(PAUSE);
            // There is room for all of them: no need to wait.
            let sent = pin!(tx.send(Instant::now())).poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(sent, Poll::Ready(true));
        }
        // The channel stays open until the process ends.
        std::mem::forget(tx);
    });
    let start = Instant::now();
    let mut late_us = Vec::new();
    for _ in 0..n {
        late_us.push(expect(rx.recv().await).elapsed().as_secs_f64() * 1e6);
    }
    wake_report(R::NAME, args, start, late_us)
}
