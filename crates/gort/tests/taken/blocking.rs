//! Goroutines that say that they block.

use crate::build;
use crate::support::{LIMIT, eventually, on, within};
use gort::Preempt;
use gort::chan::chan;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn blocking_borrows_and_returns_what_is_not_send() {
    on(1, || {
        let mut log = vec![1];
        let shared = gort::blocking(|| {
            log.push(2);
            std::rc::Rc::new(3)
        });
        assert_eq!((log, *shared), (vec![1, 2], 3));
        assert_eq!(gort::with_syscall(|| gort::blocking(|| 4)), 4);
    });
    assert_eq!(gort::blocking(|| 5), 5, "on a plain thread");
}

#[test]
fn blocking_makes_room_at_once() {
    within(LIMIT, || {
        // So that it is not the monitor who makes room.
        let runtime = build(|builder| builder.processors(1).preempt(Preempt::Off));
        runtime.run(|| {
            let (tx, rx) = std::sync::mpsc::channel();
            let handles: Vec<_> = (0..8)
                .map(|_| {
                    let tx = tx.clone();
                    gort::spawn(move || {
                        gort::yield_now();
                        tx.send(()).unwrap();
                    })
                })
                .collect();
            gort::blocking(|| (0..8).for_each(|_| rx.recv().unwrap()));
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    });
}

#[test]
fn blocking_calls_that_use_the_runtime() {
    on(2, || {
        let (tx, rx) = chan(0);
        let handles: Vec<_> = (0..20)
            .map(|n| {
                let tx = tx.clone();
                gort::spawn(move || {
                    gort::blocking(|| {
                        gort::sleep(Duration::from_millis(1));
                        tx.send(n).unwrap();
                        gort::yield_now();
                        gort::spawn(move || n).join().unwrap()
                    })
                })
            })
            .collect();
        drop(tx);
        assert_eq!(rx.iter().sum::<i32>(), 190);
        let sum: i32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
        assert_eq!(sum, 190);
    });
}

#[test]
fn a_panic_in_a_blocking_call_is_the_goroutines() {
    on(1, || {
        for _ in 0..50 {
            let handle = gort::spawn(|| {
                gort::blocking(|| std::panic::resume_unwind(Box::new("not found")));
            });
            let payload = handle.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"not found"));
        }
        gort::spawn(gort::yield_now).join().unwrap();
    });
}

/// It has given its processor up, and does not take it to wake somebody and keep it.
#[test]
fn blocking_makes_room_for_those_it_wakes() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1).preempt(Preempt::Off));
        runtime.run(|| {
            let (tx, rx) = chan(1);
            let (answer, answers) = std::sync::mpsc::channel();
            let other = gort::spawn(move || answer.send(rx.recv()).unwrap());
            gort::yield_now(); // it waits from here on
            let answer = gort::blocking(|| {
                tx.send(5).unwrap();
                answers.recv_timeout(LIMIT / 2).expect("an answer during the call")
            });
            assert_eq!(answer, Some(5));
            other.join().unwrap();
        });
    });
}

#[test]
fn at_the_limit_of_threads_blocking_calls_wait_their_turn() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1).max_threads(3));
        runtime.run(|| {
            let calls = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
            let handles: Vec<_> = (0..12)
                .map(|_| {
                    let calls = calls.clone();
                    gort::spawn(move || {
                        gort::blocking(|| {
                            let now = calls.0.fetch_add(1, SeqCst) + 1;
                            calls.1.fetch_max(now, SeqCst);
                            eventually("there is another", || calls.1.load(SeqCst) >= 2);
                            // Time for more, if they were let in.
                            thread::sleep(Duration::from_millis(2));
                            calls.0.fetch_sub(1, SeqCst);
                        });
                    })
                })
                .collect();
            // There is always a thread for the others.
            let start = Instant::now();
            gort::sleep(Duration::from_millis(1));
            assert!(start.elapsed() < Duration::from_secs(10));
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            assert_eq!(calls.1.load(SeqCst), 2, "as many at once as there are threads to spare");
        });
    });
}

/// With fewer processors there are more threads for calls.
#[test]
fn at_the_limit_of_threads_a_call_that_waits_is_let_in_when_there_are_more() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).max_threads(3));
        for _ in 0..20 {
            let steps = Arc::new(AtomicUsize::new(0));
            let step = |to: usize| {
                let steps = steps.clone();
                move || assert_eq!(steps.fetch_add(1, SeqCst) + 1, to)
            };
            let (first_begins, second_comes, second_begins) = (step(1), step(2), step(3));
            let both = steps.clone();
            let first = runtime.spawn(move || {
                gort::blocking(|| {
                    first_begins();
                    eventually("the second has begun", || both.load(SeqCst) == 3);
                });
            });
            eventually("the first has begun", || steps.load(SeqCst) == 1);
            let second = runtime.spawn(move || {
                second_comes();
                gort::blocking(second_begins);
            });
            eventually("the second has come", || steps.load(SeqCst) == 2);
            // After it, most often: a third thread may run this before the second has come to wait.
            runtime.run(gort::yield_now);
            assert_eq!(steps.load(SeqCst), 2, "there is no thread for it");
            runtime.set_processors(1);
            [first, second].into_iter().for_each(|call| call.join().unwrap());
            runtime.set_processors(2);
        }
    });
}

/// Waits with its thread until `f` of another goroutine, for which there is the other thread alone, has begun; then for `wait`.
#[track_caller]
fn one_goes_on_with_its_thread(wait: impl FnOnce() + Send + 'static, wake: impl FnOnce()) {
    let runtime = build(|builder| builder.processors(1).max_threads(2));
    let (begun, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (has_begun, is_done) = (begun.clone(), done.clone());
    let pinned = runtime.spawn(move || {
        let _locked = gort::lock_thread();
        while has_begun.load(SeqCst) == 0 {
            gort::sleep(Duration::from_millis(1));
        }
        wait();
        is_done.fetch_add(1, SeqCst);
    });
    let call = runtime.spawn(move || {
        gort::blocking(|| {
            begun.fetch_add(1, SeqCst);
            eventually("the other goes on", || done.load(SeqCst) == 1);
        });
    });
    wake();
    [pinned, call].into_iter().for_each(|goroutine| goroutine.join().unwrap());
}

#[test]
fn at_the_limit_of_threads_one_that_waits_with_its_own_goes_on() {
    within(LIMIT, || one_goes_on_with_its_thread(|| gort::sleep(Duration::from_millis(1)), || ()));
}

#[test]
fn at_the_limit_of_threads_one_that_waits_with_its_own_is_woken() {
    within(LIMIT, || {
        let (tx, rx) = chan::<()>(0);
        let receives = Arc::new(AtomicUsize::new(0));
        let about_to = receives.clone();
        let wait = move || {
            about_to.store(1, SeqCst);
            rx.recv().unwrap();
        };
        one_goes_on_with_its_thread(wait, move || {
            eventually("it is about to receive", || receives.load(SeqCst) == 1);
            // By then it most likely waits. If it does not it is not woken, and goes on nevertheless.
            thread::sleep(Duration::from_millis(5));
            tx.send(()).unwrap();
        });
    });
}

/// Each time that there is work and no thread somebody looks for those that wait with their own: not among all others.
#[test]
fn at_the_limit_of_threads_many_are_started_at_once() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).max_threads(3));
        let (tx, rx) = chan::<()>(0);
        let pinned = [rx.clone(), rx].map(|rx| {
            runtime.spawn(move || {
                let _locked = gort::lock_thread();
                rx.recv()
            })
        });
        runtime.run(|| {
            gort::scope(|scope| (0..400_000).for_each(|_| drop(scope.go(gort::yield_now))));
        });
        drop(tx);
        assert_eq!(pinned.map(|one| one.join().unwrap()), [None; 2]);
    });
}

/// One within another has its thread already.
#[test]
fn at_the_limit_of_threads_a_call_within_a_call_does_not_wait_for_itself() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1).max_threads(2));
        runtime.run(|| {
            let nested = || gort::blocking(|| gort::blocking(|| gort::blocking(gort::yield_now)));
            let calls: Vec<_> = (0..4).map(|_| gort::spawn(nested)).collect();
            nested();
            calls.into_iter().for_each(|call| call.join().unwrap());
        });
    });
}
