//! Goroutines that unwind: they may block meanwhile, and nobody else panics.

use crate::support::{LIMIT, OnDrop, Tally, eventually, on, runtime, within, yield_until};
use crate::{expected, quiet};
use gort::chan::{Receiver, Sender, chan};
use gort::sync::WaitGroup;
use gort::{JoinHandle, Runtime};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

#[test]
fn a_destructor_of_a_capture_that_panics_is_the_goroutines_panic() {
    quiet();
    on(1, || {
        let tally = Tally::new();
        for detached in [true, false] {
            let (captured, token) = (OnDrop(|| expected()), tally.token());
            let body = move || {
                let _both = (&captured, &token);
            };
            if detached {
                gort::go!(body);
                yield_until("it is dropped", || tally.alive() == 0);
            } else {
                assert!(gort::spawn(body).join().is_err());
            }
            assert_eq!(tally.alive(), 0);
        }
    });
}

/// Blocks in every way there is.
fn block_in_all_ways() {
    let (tx, rx) = chan(0);
    let partner = gort::spawn(move || {
        for n in 0..5 {
            gort::yield_now();
            tx.send(n).unwrap();
        }
    });
    assert_eq!(rx.recv(), Some(0));
    assert_eq!(rx.recv_timeout(LIMIT), Ok(1));
    gort::sleep(Duration::from_micros(100));
    let other = gort::chan::never::<u32>();
    gort::select! {
        recv(rx) -> n => assert_eq!(n, Some(2)),
        recv(other) -> _ => unreachable!(),
        after(LIMIT) => unreachable!(),
    }
    assert_eq!((rx.recv(), rx.recv()), (Some(3), Some(4)));
    assert!(rx.recv_timeout(Duration::from_micros(100)).is_err());
    drop(rx);
    partner.join().unwrap();
    let group = WaitGroup::new();
    group.go(gort::yield_now);
    group.wait();
    let mut borrowed = 0;
    gort::scope(|s| {
        s.go(|| {
            gort::yield_now();
            borrowed = 1;
        });
    });
    assert_eq!(borrowed, 1);
    assert_eq!(gort::run(|| 5), 5);
    assert!(gort::spawn(|| resume_unwind(Box::new(()))).join().is_err());
    assert!(catch_unwind(|| resume_unwind(Box::new(()))).is_err());
    gort::yield_now();
}

#[test]
fn a_goroutine_may_block_while_it_unwinds() {
    quiet();
    for processors in [1, 2, 3] {
        on(processors, || {
            let count = AtomicUsize::new(0);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                gort::scope(|s| {
                    for _ in 0..20 {
                        s.go(|| {
                            let _block = OnDrop(|| {
                                assert!(thread::panicking());
                                block_in_all_ways();
                                assert!(thread::panicking());
                                count.fetch_add(1, SeqCst);
                            });
                            gort::yield_now();
                            expected();
                        });
                    }
                });
            }));
            assert!(caught.is_err());
            assert_eq!(count.into_inner(), 20);
            assert!(!thread::panicking());
        });
    }
}

#[test]
fn nobody_else_is_panicking_meanwhile() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let stop = Arc::new(AtomicBool::new(false));
            let watchers: Vec<_> = (0..4)
                .map(|_| {
                    let stop = stop.clone();
                    gort::spawn(move || {
                        let mut turns = 0_u32;
                        while !stop.load(SeqCst) {
                            assert!(!thread::panicking());
                            turns += 1;
                            if turns.is_multiple_of(16) {
                                gort::sleep(Duration::from_micros(10));
                            }
                            gort::yield_now();
                        }
                        turns
                    })
                })
                .collect();
            for _ in 0..20 {
                let (tx, rx) = chan(0);
                let handle = gort::spawn(move || {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_micros(500));
                        assert_eq!(rx.recv(), Some(1));
                    });
                    expected();
                });
                gort::sleep(Duration::from_micros(700));
                tx.send(1).unwrap();
                assert!(handle.join().is_err());
            }
            stop.store(true, SeqCst);
            assert!(watchers.into_iter().all(|watcher| watcher.join().unwrap() > 10));
        });
    }
}

/// Yielding must let others run while unwinding, too: on one processor they cannot otherwise.
#[test]
fn a_destructor_that_yields_until_another_has_done_something() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let flag = Arc::new(AtomicBool::new(false));
            let set = flag.clone();
            let handle = gort::spawn(move || {
                let _block = OnDrop(|| {
                    let set = set.clone();
                    gort::go!(move || set.store(true, SeqCst));
                    yield_until("the other runs", || flag.load(SeqCst));
                });
                expected();
            });
            assert!(handle.join().is_err());
        });
    }
}

#[test]
fn a_panic_within_a_destructor_that_catches_it() {
    quiet();
    on(1, || {
        let handle = gort::spawn(|| {
            let _outer = OnDrop(|| {
                let caught = catch_unwind(|| {
                    let _inner = OnDrop(|| gort::sleep(Duration::from_micros(100)));
                    gort::yield_now();
                    expected();
                });
                assert!(caught.is_err());
                gort::sleep(Duration::from_micros(100));
            });
            expected();
        });
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn ten_thousand_panics() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let tally = Tally::new();
            let (tx, rx) = chan(1);
            let echo = gort::spawn(move || rx.iter().sum::<u64>());
            let mut expect = 0;
            for batch in 0..100_u64 {
                let group = WaitGroup::new();
                for n in 0..100 {
                    let (token, tx) = (tally.token(), tx.clone());
                    expect += n;
                    group.go(move || {
                        let _token = token;
                        let _block = OnDrop(|| {
                            if (batch + n) % 4 == 0 {
                                gort::sleep(Duration::from_micros(20));
                            }
                            tx.send(n).unwrap();
                        });
                        if n % 2 == 0 {
                            gort::yield_now();
                        }
                        expected();
                    });
                }
                group.wait();
            }
            drop(tx);
            assert_eq!(echo.join().unwrap(), expect);
            assert_eq!(tally.alive(), 0);
        });
    }
}

/// `count` goroutines that panic, and in a destructor do `block`; when this returns they are at it. What `block` receives from is
/// closed when the sender is dropped.
fn block_in_destructors(
    runtime: &Runtime,
    count: usize,
    block: impl Fn(&Receiver<()>) + Copy + Send + 'static,
) -> (Sender<()>, Vec<JoinHandle<()>>) {
    let (release, wait) = chan(0);
    let there = Arc::new(AtomicUsize::new(0));
    let handles = (0..count)
        .map(|_| {
            let (wait, there) = (wait.clone(), there.clone());
            runtime.spawn(move || {
                let _block = OnDrop(|| {
                    there.fetch_add(1, SeqCst);
                    block(&wait);
                });
                expected();
            })
        })
        .collect();
    eventually("all block", || there.load(SeqCst) == count);
    (release, handles)
}

/// Each keeps its thread: so many threads are needed at once.
#[test]
fn five_hundred_block_at_once_while_they_unwind() {
    quiet();
    within(LIMIT, || {
        let runtime = runtime(2);
        let (release, handles) = block_in_destructors(&runtime, 500, |wait| {
            assert!(wait.recv().is_none());
        });
        assert_eq!(runtime.run(|| 5), 5);
        drop(release);
        for handle in handles {
            assert!(handle.join().is_err());
        }
    });
}

#[test]
fn a_goroutine_pinned_by_a_panic_goes_on_where_the_processors_are_fewer() {
    quiet();
    within(LIMIT, || {
        let runtime = runtime(4);
        let (release, handles) = block_in_destructors(&runtime, 8, |wait| {
            wait.recv();
            gort::sleep(Duration::from_millis(2));
        });
        runtime.set_processors(1);
        drop(release);
        for handle in handles {
            assert!(handle.join().is_err());
        }
        assert_eq!(runtime.run(|| 5), 5);
    });
}
