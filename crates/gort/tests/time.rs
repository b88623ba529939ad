//! `Timer`, `Ticker`, `after_func`, `timeout`: the rules of stopping and setting anew, after Go's tests.

mod support;

use gort::chan::{TryRecvError, chan};
use gort::select;
use gort::sync::WaitGroup;
use gort::time::{Elapsed, Ticker, Timer, after_func, timeout};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, block_on, compute_until, eventually, in_turn, on, within, yield_until};

const SOON: Duration = Duration::from_millis(3);
/// Longer than the next statement takes, also on a loaded machine.
const NOT_YET: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3600);

// --- Timer ---

#[test]
fn a_timer_is_due_once_and_not_too_early() {
    gort::run(|| {
        let start = Instant::now();
        let timer = Timer::new(SOON);
        assert_eq!(timer.receiver().try_recv(), Err(TryRecvError::Empty));
        let due = timer.receiver().recv().unwrap();
        assert!(due >= start + SOON && due <= Instant::now());
        assert_eq!(timer.receiver().try_recv(), Err(TryRecvError::Empty));
        let timer = Timer::at(start);
        assert!(timer.receiver().try_recv().is_ok(), "a time that has passed");
        assert!(Timer::new(Duration::ZERO).receiver().try_recv().is_ok());
    });
}

/// The results of every step from every state.
#[test]
fn what_stop_and_reset_return() {
    let empty = |timer: &Timer| timer.receiver().try_recv() == Err(TryRecvError::Empty);
    // On.
    let timer = Timer::new(LONG);
    assert!(timer.reset(LONG) && timer.reset_at(Instant::now() + LONG));
    assert!(timer.stop() && empty(&timer));
    // Stopped.
    assert!(!timer.stop());
    assert!(!timer.reset(LONG), "it was stopped");
    assert!(timer.reset(Duration::ZERO), "it was on");
    // Due, and not received.
    assert!(!timer.stop(), "it has been due");
    assert!(timer.receiver().try_recv().is_ok(), "so it can be received");
    // Received.
    assert!(!timer.stop() && empty(&timer));
    assert!(!timer.reset(Duration::ZERO));
    assert!(!timer.reset(LONG), "it had been due");
    assert!(empty(&timer), "and what was due before is gone");
    assert!(timer.stop());
    // For ever.
    let timer = Timer::new(Duration::MAX);
    assert!(empty(&timer));
    assert!(!timer.stop(), "it was never to be due, as one that is stopped");
    assert!(!timer.reset(LONG) && timer.reset(Duration::MAX));
    assert_eq!(format!("{timer:?}"), "Timer { is_due: false, .. }");
}

/// A thousand goroutines stop a timer each at the moment at which it is due; another receives.
#[test]
fn after_a_stop_that_returns_true_nothing_is_received() {
    on(2, || {
        let group = WaitGroup::new();
        let (stopped, due) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        for n in 0..1000 {
            let (stopped, due) = (stopped.clone(), due.clone());
            group.go(move || {
                let timer = Arc::new(Timer::new(Duration::from_micros(n)));
                let receiver = timer.receiver().clone();
                let received = gort::spawn(move || receiver.recv_timeout(SOON).is_ok());
                gort::sleep(Duration::from_micros(n / 2));
                let was_on = timer.stop();
                let received = received.join().unwrap();
                assert_ne!(was_on, received, "it was stopped, or it has been due, and not both");
                assert!(timer.receiver().try_recv().is_err());
                [due, stopped][usize::from(was_on)].fetch_add(1, Relaxed);
            });
        }
        group.wait();
        assert_eq!(stopped.load(Relaxed) + due.load(Relaxed), 1000);
    });
}

/// No old message is received after a reset: each is due later than the reset was made.
#[test]
fn after_a_reset_nothing_old_is_received() {
    on(2, || {
        let timer = Arc::new(Timer::new(Duration::ZERO));
        let stop = Arc::new(AtomicBool::new(false));
        let receiver = {
            let (timer, stop) = (timer.clone(), stop.clone());
            gort::spawn(move || {
                let mut count = 0;
                while !stop.load(Relaxed) {
                    count += u32::from(timer.receiver().recv_timeout(SOON).is_ok());
                }
                count
            })
        };
        let time = Duration::from_micros(50);
        for turn in 0..2000 {
            let before = Instant::now();
            timer.reset(time);
            if turn % 3 == 0
                && let Ok(due) = timer.receiver().recv_timeout(2 * time)
            {
                assert!(due >= before + time, "this is an old one");
            }
        }
        stop.store(true, Relaxed);
        receiver.join().unwrap();
    });
}

/// Who waits for a timer, in whatever way, goes by its new time.
#[test]
fn those_who_wait_follow_the_timer() {
    within(LIMIT, || {
        let timer = Arc::new(Timer::new(LONG));
        let count = Arc::new(AtomicU32::new(0));
        let ready = Arc::new(AtomicU32::new(0));
        let waiter = |receive: fn(&Timer)| {
            let (timer, count, ready) = (timer.clone(), count.clone(), ready.clone());
            move || {
                ready.fetch_add(1, Relaxed);
                receive(&timer);
                count.fetch_add(1, Relaxed);
            }
        };
        let receive: fn(&Timer) = |timer| _ = timer.receiver().recv();
        let choose: fn(&Timer) = |timer| {
            select! {
                recv(timer.receiver()) -> _ => {},
                after(LONG) => unreachable!(),
            }
        };
        let wait_async: fn(&Timer) = |timer| _ = block_on(timer.receiver().recv_async());
        let goroutines = [gort::spawn(waiter(receive)), gort::spawn(waiter(choose))];
        let threads = [receive, choose, wait_async].map(|f| thread::spawn(waiter(f)));
        eventually("they are about to wait", || ready.load(Relaxed) == 5);
        for expected in 1..=5 {
            // A message for one; the others go on waiting.
            timer.reset(SOON);
            eventually("one has received it", || count.load(Relaxed) == expected);
            assert!(!timer.stop());
        }
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn those_who_wait_for_a_timer_that_is_stopped_wait_on() {
    on(1, || {
        let timer = Arc::new(Timer::new(NOT_YET));
        let receiver = timer.receiver().clone();
        let waiter = gort::spawn(move || receiver.recv().unwrap());
        gort::yield_now();
        assert!(timer.stop());
        gort::sleep(2 * NOT_YET);
        assert!(!waiter.is_finished());
        let reset = Instant::now();
        assert!(!timer.reset(SOON));
        assert!(waiter.join().unwrap() >= reset + SOON);
    });
}

#[test]
fn a_million_timers() {
    on(2, || {
        let many = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
        let timers: Vec<_> = (0..many).map(|_| Timer::new(LONG)).collect();
        let calls: Vec<_> =
            (0..many / 10).map(|_| after_func(LONG, || unreachable!("it is stopped"))).collect();
        let fired = Arc::new(AtomicUsize::new(0));
        for n in 0..many / 10 {
            let fired = fired.clone();
            after_func(Duration::from_micros(n as u64 % 5000), move || {
                fired.fetch_add(1, Relaxed);
            });
        }
        assert!(timers.iter().all(Timer::stop));
        assert!(calls.iter().all(|call| call.stop()));
        yield_until("all have fired", || fired.load(Relaxed) == many / 10);
        assert!(timers.iter().all(|timer| timer.receiver().is_empty()));
    });
}

// --- Ticker ---

#[test]
fn a_ticker_keeps_its_phase_and_drops_what_is_late() {
    gort::run(|| {
        let start = Instant::now();
        let ticker = Ticker::new(SOON);
        let first = ticker.receiver().recv().unwrap();
        assert!(first >= start + SOON);
        gort::sleep(5 * SOON);
        let slept = Instant::now();
        let late = ticker.receiver().recv().unwrap();
        let next = ticker.receiver().recv().unwrap();
        for tick in [late, next] {
            let phase = (tick - first).as_nanos() % SOON.as_nanos();
            assert_eq!(phase, 0, "a multiple of the period after the first");
        }
        assert!(late > first && late < slept, "of those that were late the first is left");
        assert!(next > slept, "and the others are dropped");
    });
}

#[test]
fn a_ticker_stops_and_starts_with_a_new_period() {
    gort::run(|| {
        let ticker = Ticker::new(Duration::from_nanos(1));
        assert!(ticker.receiver().recv().is_some());
        ticker.stop();
        assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty), "also not a late one");
        let reset = Instant::now();
        ticker.reset(SOON);
        assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty), "nothing old");
        let ticks: Vec<_> = ticker.receiver().iter().take(2).collect();
        assert!(ticks[0] >= reset + SOON && ticks[1] >= ticks[0] + SOON);
        ticker.reset(Duration::MAX);
        assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
        assert_eq!(format!("{ticker:?}"), "Ticker { is_due: false, .. }");
        let zero = AssertUnwindSafe(|| ticker.reset(Duration::ZERO));
        assert!(catch_unwind(zero).is_err());
        assert!(catch_unwind(|| Ticker::new(Duration::ZERO)).is_err());
    });
}

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

        let called = Arc::new(AtomicBool::new(false));
        let in_call = called.clone();
        let call = after_func(NOT_YET, move || in_call.store(true, Relaxed));
        assert!(call.reset(LONG));
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
