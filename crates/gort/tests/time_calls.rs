//! `after_func`, `timeout`: calls to come, and calls with a limit.

mod support;

use gort::chan::chan;
use gort::sync::WaitGroup;
use gort::time::{Elapsed, after_func, timeout};
use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::time::{Duration, Instant};
use support::{LIMIT, compute_until, in_time, in_turn, on, within, yield_until};

const SOON: Duration = Duration::from_millis(3);
/// Longer than the next statement takes, as a rule.
const NOT_YET: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3600);

// --- after_func ---

/// A thousand are stopped at the moment at which they are due: each is called, or stopped.
#[test]
fn a_call_is_made_once_or_stopped() {
    on(2, || {
        let group = WaitGroup::new();
        let (calls, stops) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        for n in 0..1000 {
            let (calls, stops) = (calls.clone(), stops.clone());
            group.go(move || {
                let called = Arc::new(AtomicU32::new(0));
                let (in_call, (done, is_done)) = (called.clone(), chan(1));
                let call = after_func(Duration::from_micros(n), move || {
                    in_call.fetch_add(1, Relaxed);
                    done.send(()).unwrap();
                });
                gort::sleep(Duration::from_micros(n / 2));
                for turn in 0..n % 3 {
                    call.reset(Duration::from_micros(turn * 10));
                }
                if call.stop() {
                    stops.fetch_add(1, Relaxed);
                    assert!(is_done.recv().is_none(), "what it would have sent with is dropped");
                    assert_eq!(called.load(Relaxed), 0);
                } else {
                    calls.fetch_add(1, Relaxed);
                    assert!(is_done.recv().is_some());
                    assert_eq!(called.load(Relaxed), 1);
                }
                assert!(!call.stop() && !call.reset(Duration::ZERO));
            });
        }
        group.wait();
        assert_eq!(calls.load(Relaxed) + stops.load(Relaxed), 1000);
    });
}

/// Many stop, reset and wait for the same call at once: one of the stops is right, or the call is made.
#[test]
fn one_of_many_stops_a_call() {
    on(2, || {
        for round in 0..if cfg!(debug_assertions) { 100 } else { 1_000 } {
            let called = Arc::new(AtomicU32::new(0));
            let in_call = called.clone();
            let call = Arc::new(after_func(Duration::from_micros(round % 50), move || {
                in_call.fetch_add(1, SeqCst);
            }));
            let stops = Arc::new(AtomicU32::new(0));
            let group = WaitGroup::new();
            for n in 0..6 {
                let (call, stops) = (call.clone(), stops.clone());
                group.go(move || {
                    if n % 2 == 0 {
                        stops.fetch_add(u32::from(call.stop()), SeqCst);
                    } else {
                        call.reset(Duration::from_micros(20));
                    }
                });
            }
            group.wait();
            yield_until("one or the other", || stops.load(SeqCst) + called.load(SeqCst) > 0);
            assert_eq!(stops.load(SeqCst) + called.load(SeqCst), 1);
        }
    });
}

#[test]
fn a_call_can_be_put_off_and_brought_forward() {
    on(1, || {
        let (tx, rx) = chan(1);
        let start = Instant::now();
        let call = after_func(LONG, move || tx.send(Instant::now()).unwrap());
        assert!(call.reset(Duration::MAX) && call.reset(SOON));
        assert!(rx.recv().unwrap() >= start + SOON);
        assert!(!call.reset(LONG), "it has been made");

        let (called, call, was_on) = in_time(NOT_YET, || {
            let called = Arc::new(AtomicBool::new(false));
            let in_call = called.clone();
            let call = after_func(NOT_YET, move || in_call.store(true, Relaxed));
            let was_on = call.reset(LONG);
            (called, call, was_on)
        });
        assert!(was_on);
        gort::sleep(2 * NOT_YET);
        assert!(!called.load(Relaxed), "the time it had before has passed");
        assert!(call.stop());
        assert_eq!(format!("{call:?}"), "AfterFunc { .. }");
    });
}

/// Dropping the handle leaves the call on; the closure goes with the stop.
#[test]
fn what_a_call_holds_is_dropped_with_it() {
    let held = Arc::new(());
    on(1, {
        let held = held.clone();
        move || {
            let inner = held.clone();
            let call = after_func(LONG, move || drop(inner));
            assert_eq!(Arc::strong_count(&held), 3);
            assert!(call.stop());
            assert_eq!(Arc::strong_count(&held), 2);
            let (tx, rx) = chan(1);
            drop(after_func(SOON, move || tx.send(()).unwrap()));
            assert!(rx.recv().is_some());
            // One that is left at the end of the runtime.
            drop(after_func(LONG, move || drop(held)));
        }
    });
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn calls_to_come_are_no_goroutines_yet() {
    on(1, || {
        let before = gort::num_goroutines();
        let calls: Vec<_> = (0..100).map(|_| after_func(LONG, || ())).collect();
        assert_eq!(gort::num_goroutines(), before);
        assert!(calls.iter().all(|call| call.stop()));
        assert_eq!(gort::num_goroutines(), before);
    });
}

#[test]
fn a_call_on_a_plain_thread_and_one_that_panics() {
    within(LIMIT, || {
        let (tx, rx) = std::sync::mpsc::channel();
        after_func(SOON, move || tx.send(gort::try_current().is_some()).unwrap());
        assert!(rx.recv().unwrap(), "it is a goroutine");
        let (tx, rx) = chan::<()>(0);
        after_func(Duration::ZERO, move || {
            let _tx = tx;
            panic!("on purpose");
        });
        assert!(rx.recv().is_none(), "it was unwound");
    });
}

/// All processors but one compute; theirs are the timers.
#[test]
fn timers_of_a_busy_processor_fire_on_another() {
    on(2, || {
        let fired = Arc::new(AtomicU32::new(0));
        let (in_calls, to_see) = (fired.clone(), fired.clone());
        let busy = gort::spawn(move || {
            for _ in 0..10 {
                let fired = in_calls.clone();
                after_func(SOON, move || _ = fired.fetch_add(1, Relaxed));
            }
            // This one's processor looks at no timer until it is over.
            compute_until(LIMIT, || to_see.load(Relaxed) == 10)
        });
        assert!(busy.join().unwrap());
    });
}

// --- timeout ---

#[test]
fn a_function_has_a_limit() {
    gort::run(|| {
        assert_eq!(timeout(LONG, || 42), Ok(42));
        assert_eq!(timeout(Duration::MAX, || 42), Ok(42));
        let start = Instant::now();
        let (tx, rx) = chan::<()>(0);
        let late = timeout(SOON, move || rx.recv());
        let elapsed: Elapsed = late.unwrap_err();
        assert_eq!(io::Error::from(elapsed).kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= SOON);
        assert!(!tx.is_closed(), "it goes on by itself");
        let panicked = catch_unwind(|| timeout(LONG, || -> u8 { panic!("on purpose") }));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
    });
    assert_eq!(timeout(LONG, || "on a plain thread"), Ok("on a plain thread"));
}

#[test]
fn the_value_of_one_that_is_late_is_dropped() {
    in_turn(|| {
        let value = Arc::new(());
        let (late, (go, gone)) = (value.clone(), chan::<()>(0));
        assert!(
            timeout(SOON, move || {
                gone.recv();
                late
            })
            .is_err()
        );
        assert_eq!(Arc::strong_count(&value), 2);
        drop(go);
        yield_until("it is dropped", || Arc::strong_count(&value) == 1);
    });
}
