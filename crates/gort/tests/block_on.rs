//! Futures that goroutines wait for.

mod support;

use gort::sync::WaitGroup;
use gort::{block_on, chan};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use support::{LIMIT, Tally, in_turn, on, runtime, within};

#[test]
fn one_that_is_done_and_one_that_waits() {
    in_turn(|| {
        assert_eq!(block_on(ready(7)), 7);
        let (tx, rx) = chan(0);
        let sender = gort::spawn(move || (0..100).for_each(|n| tx.send(n).unwrap()));
        let sum = async {
            let mut sum = 0;
            while let Some(n) = rx.recv_async().await {
                sum += n;
            }
            sum
        };
        assert_eq!(block_on(sum), 4950);
        block_on(sender).unwrap();
    });
}

/// What the future has need not be sent anywhere, nor last for ever; and it may wait for futures in its turn.
#[test]
fn what_is_borrowed_and_shared() {
    on(1, || {
        let text = Rc::new(String::from("text"));
        let borrowed = &text;
        let inner = async { block_on(async { gort::spawn(|| 1).await.unwrap() }) + borrowed.len() };
        assert_eq!(block_on(inner), 5);
    });
}

/// With one processor: while a hundred wait, the one that ends their waits runs.
#[test]
fn who_waits_holds_no_processor() {
    on(1, || {
        let (tx, rx) = chan::<()>(0);
        let waiting = Arc::new(AtomicUsize::new(0));
        let group = WaitGroup::new();
        for _ in 0..100 {
            let (rx, waiting) = (rx.clone(), waiting.clone());
            group.go(move || {
                block_on(async {
                    waiting.fetch_add(1, SeqCst);
                    assert_eq!(rx.recv_async().await, None);
                });
            });
        }
        support::yield_until("all wait", || waiting.load(SeqCst) == 100);
        tx.close();
        group.wait();
    });
}

#[test]
fn on_a_plain_thread_and_woken_by_one() {
    within(LIMIT, || {
        let (tx, rx) = chan(0);
        let other = thread::spawn(move || block_on(tx.send_async(1)).unwrap());
        assert_eq!(block_on(rx.recv_async()), Some(1));
        other.join().unwrap();
        let (tx, rx) = chan(0);
        let goroutine = gort::spawn(move || block_on(rx.recv_async()));
        tx.send(2).unwrap();
        assert_eq!(goroutine.join().unwrap(), Some(2));
    });
}

/// A wake-up that comes while the future is polled is not lost, and one that wakes itself all the time lets others run.
#[test]
fn one_that_wakes_itself() {
    on(1, || {
        let seen = Arc::new(AtomicBool::new(false));
        let other = gort::spawn({
            let seen = seen.clone();
            move || seen.store(true, SeqCst)
        });
        block_on(poll_fn(|cx| {
            if seen.load(SeqCst) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        other.join().unwrap();
    });
}

#[test]
fn its_panic_is_the_callers() {
    on(1, || {
        let panicking = async {
            gort::spawn(|| ()).await.unwrap();
            panic!("of the future");
        };
        let payload = catch_unwind(AssertUnwindSafe(|| block_on(panicking))).unwrap_err();
        assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "of the future");
    });
}

/// A runtime that is shut down unwinds who waits, and the future is dropped.
#[test]
fn the_runtime_ends() {
    within(LIMIT, || {
        let (runtime, tally) = (runtime(1), Tally::new());
        let (tx, waits) = chan(0);
        let token = tally.token();
        let goroutine = runtime.spawn(move || {
            tx.send(()).unwrap();
            block_on(async {
                let _token = token;
                pending::<()>().await;
            });
        });
        waits.recv().unwrap();
        runtime.shutdown(LIMIT).unwrap();
        assert!(goroutine.join().unwrap_err().is::<gort::Shutdown>());
        assert_eq!(tally.alive(), 0);
    });
}
