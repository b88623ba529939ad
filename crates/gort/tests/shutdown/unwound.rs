//! Who ends how: by being unwound, by itself, or without having begun.

use crate::support::{LIMIT, OnDrop, Tally, Token, compute_until, eventually, runtime, within};
use crate::{all_shut_down, start};
use gort::chan::{chan, never};
use gort::sync::WaitGroup;
use gort::{Preempt, Runtime};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn those_who_wait_are_unwound() {
    within(LIMIT, || {
        for processors in [1, 2] {
            let runtime = runtime(processors);
            let tally = Tally::new();
            let (tx, rx) = chan::<Token>(0);
            let mut handles = start(&runtime, &tally, 20, |_token| {
                never::<()>().recv();
            });
            let sender = tx.clone();
            handles.extend(start(&runtime, &tally, 20, move |token| {
                sender.send(token).unwrap();
            }));
            let receiver = rx.clone();
            handles.extend(start(&runtime, &tally, 20, move |_token| {
                // Nobody sends here.
                let (_tx, other) = chan::<u32>(3);
                gort::select! {
                    recv(other) -> _ => {}
                    after(Duration::MAX) => {}
                }
                receiver.recv();
            }));
            handles.extend(start(&runtime, &tally, 20, |_token| gort::sleep(Duration::MAX)));
            handles.extend(start(&runtime, &tally, 20, |_token| {
                let group = WaitGroup::new();
                group.add(1);
                group.wait();
            }));
            handles.extend(start(&runtime, &tally, 20, |_token| {
                if let Err(payload) = gort::spawn(|| never::<()>().recv()).join() {
                    // It has been ended before this one.
                    std::panic::resume_unwind(payload);
                }
            }));
            handles.extend(start(&runtime, &tally, 20, |token| {
                let borrowed = &token;
                gort::scope(|s| {
                    s.go(move || {
                        gort::sleep(Duration::MAX);
                        unreachable!("{borrowed:?}");
                    });
                });
            }));
            handles.extend(start(&runtime, &tally, 20, |token| {
                gort::run(|| {
                    never::<()>().recv();
                    unreachable!("{token:?}");
                });
            }));
            assert_eq!(tally.alive(), 160);
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
            // The channel has been left in order.
            assert!(tx.try_send(tally.token()).is_err());
            assert!(rx.try_recv().is_err());
        }
    });
}

/// Who ends the runtime need not find it waiting: after the wait that it was in, if any, the next one is its end.
#[test]
fn one_that_waits_for_moments_only() {
    within(LIMIT, || {
        for _ in 0..50 {
            // It loses no time to others, so that each child runs while it waits for that.
            let builder = Runtime::builder().processors(1).preempt(Preempt::Off);
            let runtime = builder.build().unwrap();
            let tally = Tally::new();
            let went_on = Arc::new(AtomicUsize::new(0));
            let of_goroutine = went_on.clone();
            let handles = start(&runtime, &tally, 1, move |_token| {
                loop {
                    if gort::spawn(|| ()).join().is_err() {
                        of_goroutine.fetch_add(1, SeqCst);
                    }
                }
            });
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
            let went_on = went_on.load(SeqCst);
            assert!(went_on <= 1, "it went on waiting {went_on} times");
        }
    });
}

#[test]
fn those_who_yield_or_use_channels_in_a_loop_are_unwound() {
    within(LIMIT, || {
        let tally = Tally::new();
        let runtime = runtime(2);
        let mut handles = start(&runtime, &tally, 3, |_token| {
            loop {
                gort::yield_now();
            }
        });
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let (tx, rx) = chan(1);
            loop {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let (tx, rx) = chan(0);
            gort::go!(move || while tx.send(1).is_ok() {});
            while rx.recv().is_some() {}
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            loop {
                let _ = gort::spawn(|| 1).join();
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            loop {
                gort::sleep(Duration::from_micros(20));
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            loop {
                gort::blocking(|| ());
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let _locked = gort::lock_thread();
            loop {
                gort::yield_now();
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let _locked = gort::lock_thread();
            while gort::fs::metadata(".").is_ok() {}
        }));
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        // Some may have seen the end of their partner first, and ended by themselves.
        handles.into_iter().for_each(|handle| drop(handle.join()));
    });
}

/// What waits, on a plain thread, until the runtime is being shut down: until one that waits in it is unwound.
fn shutdown_begins(runtime: &Runtime) -> impl FnOnce() + Send + use<> {
    let witness = Tally::new();
    start(runtime, &witness, 1, |_token| _ = never::<()>().recv());
    move || eventually("the shutdown begins", || witness.alive() == 0)
}

#[test]
fn those_who_compute_end_when_they_are_done() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let handles = start(&runtime, &tally, 2, move |_token| {
            compute_until(LIMIT, || stopped.load(SeqCst));
        });
        let begun = shutdown_begins(&runtime);
        let stopper = thread::spawn(move || {
            begun();
            stop.store(true, SeqCst);
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        for handle in handles {
            handle.join().unwrap();
        }
        stopper.join().unwrap();
    });
}

#[test]
fn one_that_catches_the_unwinding_may_go_on_to_its_end() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let handles = start(&runtime, &tally, 10, |_token| {
            assert!(catch_unwind(|| never::<()>().recv()).is_err());
            // It is not disturbed again.
            gort::sleep(Duration::from_millis(1));
            gort::yield_now();
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        for handle in handles {
            handle.join().unwrap();
        }
    });
}

#[test]
fn those_that_have_not_started_are_dropped() {
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
        let runtime = builder.build().unwrap();
        let tally = Tally::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let (give, take) = mpsc::channel::<Runtime>();
        let beginning = {
            let (tally, ran) = (tally.clone(), ran.clone());
            runtime.spawn(move || {
                let runtime = take.recv().unwrap();
                let spawn = |_| {
                    let (token, ran) = (tally.token(), ran.clone());
                    runtime.spawn(move || {
                        drop(token);
                        ran.fetch_add(1, SeqCst);
                    })
                };
                let handles: Vec<_> = (0..2000).map(spawn).collect();
                // It has begun when this returns, and nobody else has had the processor.
                runtime.shutdown(LIMIT).unwrap();
                handles
            })
        };
        give.send(runtime).unwrap();
        all_shut_down(beginning.join().unwrap());
        assert_eq!((tally.alive(), ran.load(SeqCst)), (0, 0));
    });
}

#[test]
fn a_scope_without_its_goroutines_does_not_return() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let returned = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopping) = (returned.clone(), stop.clone());
        let handles = start(&runtime, &tally, 1, move |_token| {
            compute_until(LIMIT, || stopping.load(SeqCst));
            let mut value = 0;
            gort::scope(|s| {
                s.go(|| value = 1);
            });
            assert_eq!(value, 1, "the scope has returned, and its goroutine never ran");
            seen.store(true, SeqCst);
        });
        let begun = shutdown_begins(&runtime);
        let shutting = thread::spawn(move || runtime.shutdown(LIMIT));
        begun();
        stop.store(true, SeqCst);
        shutting.join().unwrap().unwrap();
        assert!(!returned.load(SeqCst));
        all_shut_down(handles);
    });
}

/// Goroutines that borrow through `run` and `scope` are interrupted as they come and go.
#[test]
fn borrows_end_before_what_is_borrowed() {
    within(LIMIT, || {
        for _ in 0..100 {
            let runtime = runtime(2);
            let tally = Tally::new();
            let handles = start(&runtime, &tally, 8, |_token| {
                loop {
                    let mut numbers = [0_u64; 16];
                    gort::run(|| {
                        for number in &mut numbers {
                            *number += 1;
                            gort::yield_now();
                        }
                    });
                    gort::scope(|s| {
                        for number in &mut numbers {
                            s.go(|| {
                                let _touch = OnDrop(|| ());
                                gort::yield_now();
                                *number += 1;
                            });
                        }
                    });
                    assert_eq!(numbers, [2; 16]);
                }
            });
            runtime.shutdown(LIMIT).unwrap();
            all_shut_down(handles);
            assert_eq!(tally.alive(), 0);
        }
    });
}
