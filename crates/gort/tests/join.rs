//! Join handles: from goroutines, from plain threads and as futures.

mod support;

use gort::JoinHandle;
use gort::chan::chan;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use support::{
    LIMIT, Tally, ThreadWaker, block_on, eventually, on, runtime, waker,
    waker_that_cannot_be_cloned, within, yield_until,
};

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A goroutine that ends when told to.
fn held(tally: &Tally) -> (gort::chan::Sender<()>, JoinHandle<support::Token>) {
    let (release, wait) = chan(0);
    let tally = tally.clone();
    let handle = gort::spawn(move || {
        wait.recv();
        tally.token()
    });
    (release, handle)
}

#[test]
fn from_a_goroutine() {
    for processors in [1, 2] {
        on(processors, || {
            assert_eq!(gort::spawn(|| 7).join().unwrap(), 7);
            let tally = Tally::new();
            let (release, handle) = held(&tally);
            let joiner = gort::spawn(move || handle.join());
            gort::yield_now();
            drop(release);
            drop(joiner.join().unwrap().unwrap());
            assert_eq!((tally.made(), tally.alive()), (1, 0));
        });
    }
}

#[test]
fn from_a_plain_thread() {
    within(LIMIT, || {
        assert_eq!(gort::spawn(|| 7).join().unwrap(), 7);
        let tally = Tally::new();
        for _ in 0..100 {
            let (release, handle) = held(&tally);
            let joiner = thread::spawn(move || handle.join());
            thread::yield_now();
            drop(release);
            drop(joiner.join().unwrap().unwrap());
        }
        assert_eq!((tally.made(), tally.alive()), (100, 0));
    });
}

#[test]
fn from_a_goroutine_of_another_runtime() {
    within(LIMIT, || {
        let (one, two) = (runtime(1), runtime(1));
        let handles: Vec<_> = (0..1000).map(|n| one.spawn(move || n)).collect();
        let sum: i32 = two.run(|| handles.into_iter().map(|handle| handle.join().unwrap()).sum());
        assert_eq!(sum, 499_500);
    });
}

#[test]
fn after_the_end() {
    on(2, || {
        let handle = gort::spawn(|| 7);
        yield_until("the end", || handle.is_finished());
        assert!(format!("{handle:?}").contains("finished: true"));
        assert_eq!(handle.join().unwrap(), 7);
    });
    let handle = gort::spawn(|| 8);
    eventually("the end", || handle.is_finished());
    assert_eq!(handle.join().unwrap(), 8);
}

#[test]
fn is_finished_tells() {
    on(1, || {
        let tally = Tally::new();
        let (release, handle) = held(&tally);
        assert!(!handle.is_finished());
        gort::yield_now();
        assert!(!handle.is_finished());
        drop(release);
        yield_until("the end", || handle.is_finished());
        assert_eq!(tally.alive(), 1);
        drop(handle);
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn of_one_that_panicked() {
    on(1, || {
        let handle = gort::spawn(|| -> u32 { std::panic::resume_unwind(Box::new("no")) });
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&"no"));
        let handle = gort::spawn(|| -> u32 {
            gort::yield_now();
            std::panic::resume_unwind(Box::new(vec![1, 2, 3]))
        });
        yield_until("the end", || handle.is_finished());
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&vec![1, 2, 3]));
    });
}

#[test]
fn ten_thousand_handles() {
    for processors in [1, 2] {
        on(processors, || {
            let handles: Vec<_> = (0..10_000_u64)
                .map(|n| {
                    gort::spawn(move || {
                        if n % 7 == 0 {
                            gort::yield_now();
                        }
                        n
                    })
                })
                .collect();
            let sum: u64 = handles.into_iter().rev().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(sum, 49_995_000);
        });
    }
}

#[test]
fn a_chain_of_joins() {
    on(2, || {
        let mut last = gort::spawn(|| 0);
        for _ in 0..10_000 {
            let before = last;
            last = gort::spawn(move || before.join().unwrap() + 1);
        }
        assert_eq!(last.join().unwrap(), 10_000);
    });
}

#[test]
fn as_a_future() {
    within(LIMIT, || {
        assert_eq!(block_on(gort::spawn(|| 7)).unwrap(), 7);
        let payload = block_on(gort::spawn(|| std::panic::resume_unwind(Box::new("no"))));
        assert_eq!(payload.unwrap_err().downcast_ref(), Some(&"no"));
        for _ in 0..1000 {
            let handle = gort::spawn(|| {
                gort::yield_now();
                vec![1]
            });
            assert_eq!(block_on(async { handle.await.unwrap().len() }), 1);
        }
    });
}

#[test]
fn a_future_wakes_the_last_waker_it_was_polled_with() {
    within(LIMIT, || {
        let tally = Tally::new();
        let (release, mut handle) = held(&tally);
        let wakers = [ThreadWaker::new(), ThreadWaker::new(), ThreadWaker::new()];
        for waker in &wakers {
            assert!(poll(&mut handle, &Waker::from(waker.clone())).is_pending());
            assert!(poll(&mut handle, &Waker::from(waker.clone())).is_pending());
        }
        assert_eq!(Arc::strong_count(&wakers[0]), 1, "wakers are let go");
        drop(release);
        eventually("it is woken", || wakers[2].woken.load(SeqCst) > 0);
        assert_eq!(wakers.each_ref().map(|waker| waker.woken.load(SeqCst)), [0, 0, 1]);
        assert!(handle.is_finished());
        assert!(poll(&mut handle, Waker::noop()).is_ready());
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_future_that_is_dropped_while_it_is_pending() {
    within(LIMIT, || {
        let tally = Tally::new();
        let waker = ThreadWaker::new();
        let (release, mut handle) = held(&tally);
        assert!(poll(&mut handle, &Waker::from(waker.clone())).is_pending());
        drop(handle);
        assert_eq!(Arc::strong_count(&waker), 1);
        drop(release);
        eventually("the result is dropped", || tally.made() == 1 && tally.alive() == 0);
        assert_eq!(waker.woken.load(SeqCst), 0);
    });
}

#[test]
fn polled_then_joined() {
    within(LIMIT, || {
        let tally = Tally::new();
        for round in 0..200 {
            let (release, mut handle) = held(&tally);
            assert!(poll(&mut handle, Waker::noop()).is_pending());
            let releaser = thread::spawn(move || drop(release));
            if round % 2 == 0 {
                releaser.join().unwrap();
                drop(handle.join().unwrap());
            } else {
                drop(handle.join().unwrap());
                releaser.join().unwrap();
            }
        }
        assert_eq!((tally.made(), tally.alive()), (200, 0));
    });
}

/// The end of a goroutine against all that a handle can do in the same moment.
#[test]
fn the_end_against_poll_drop_and_join() {
    within(LIMIT, || {
        let tally = Tally::new();
        for round in 0..4000_u32 {
            let (release, mut handle) = held(&tally);
            let polled = poll(&mut handle, Waker::noop()).is_pending();
            assert!(polled);
            let releaser = thread::spawn(move || drop(release));
            for _ in 0..round % 64 * 16 {
                std::hint::spin_loop();
            }
            match round % 4 {
                0 => drop(handle),
                1 => drop(handle.join().unwrap()),
                2 => match poll(&mut handle, Waker::noop()) {
                    Poll::Ready(result) => drop(result.unwrap()),
                    Poll::Pending => drop(handle.join().unwrap()),
                },
                _ => drop(block_on(handle).unwrap()),
            }
            releaser.join().unwrap();
        }
        eventually("all are dropped", || tally.made() == 4000 && tally.alive() == 0);
    });
}

/// A handle that has given its result.
fn polled_to_the_end() -> JoinHandle<i32> {
    let mut handle = gort::spawn(|| 7);
    eventually("the end", || handle.is_finished());
    assert!(poll(&mut handle, Waker::noop()).is_ready());
    assert!(handle.is_finished());
    handle
}

#[test]
#[should_panic = "polled after"]
fn a_future_that_is_polled_after_its_end() {
    let _ = poll(&mut polled_to_the_end(), Waker::noop());
}

/// The result is gone, and so is the record that the handle stood for: another goroutine may have it by now.
#[test]
#[should_panic = "polled after"]
fn a_handle_that_is_joined_after_it_gave_its_result() {
    let _ = polled_to_the_end().join();
}

#[test]
fn handles_may_go_to_other_threads() {
    within(LIMIT, || {
        let handles: Vec<_> = (0..1000).map(|n| gort::spawn(move || n)).collect();
        let handles = std::sync::Mutex::new(handles);
        let sum: i32 = thread::scope(|s| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    s.spawn(|| {
                        let mut sum = 0;
                        loop {
                            let Some(handle) = handles.lock().unwrap().pop() else { return sum };
                            sum += handle.join().unwrap();
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(sum, 499_500);
    });
}

/// A waker is code of the user's, which runs in the goroutine that ends. When the handle's result is taken meanwhile, the
/// record stays the goroutine's until the waker is done.
#[test]
fn a_waker_that_blocks_while_the_result_is_taken() {
    for processors in [1, 2] {
        on(processors, || {
            let (release, mut handle) = held(&Tally::new());
            let id = handle.id();
            let (tx, rx) = chan(0);
            let waker = waker(move || {
                for _ in 0..3 {
                    tx.send(gort::current().id()).unwrap();
                    gort::yield_now();
                }
            });
            assert!(poll(&mut handle, &waker).is_pending());
            drop((waker, release));
            assert_eq!(rx.recv(), Some(id));
            assert!(poll(&mut handle, Waker::noop()).is_ready());
            drop(handle);
            // These would get the record.
            let others: Vec<_> = (0..200)
                .map(|_| {
                    gort::spawn(|| {
                        gort::yield_now();
                        gort::current().id()
                    })
                })
                .collect();
            assert_eq!(rx.iter().collect::<Vec<_>>(), [id, id]);
            for other in others {
                let id = other.id();
                assert_eq!(other.join().unwrap(), id);
            }
        });
    }
}

#[test]
fn a_waker_that_panics_does_no_harm() {
    on(1, || {
        let (release, mut handle) = held(&Tally::new());
        let woken = Arc::new(AtomicBool::new(false));
        let flag = woken.clone();
        let waker = waker(move || {
            flag.store(true, SeqCst);
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(poll(&mut handle, &waker).is_pending());
        drop(release);
        yield_until("it is woken", || woken.load(SeqCst));
        assert!(poll(&mut handle, Waker::noop()).is_ready());
        assert_eq!(gort::spawn(|| 7).join().unwrap(), 7);
    });
}

#[test]
fn a_waker_that_cannot_be_cloned_leaves_the_handle_as_it_was() {
    within(LIMIT, || {
        for polled_again in [false, true] {
            let tally = Tally::new();
            let (release, mut handle) = held(&tally);
            let waker = waker_that_cannot_be_cloned();
            let polled = catch_unwind(AssertUnwindSafe(|| poll(&mut handle, &waker)));
            assert!(polled.is_err());
            drop(release);
            if polled_again {
                drop(block_on(handle).unwrap());
            } else {
                drop(handle);
            }
            eventually("the result is dropped", || tally.made() == 1 && tally.alive() == 0);
        }
    });
}
