//! `Timer`, `Ticker`: the rules of stopping and setting anew, after Go's tests.

mod support;

use gort::chan::{Receiver, TryRecvError};
use gort::select;
use gort::select::Select;
use gort::sync::WaitGroup;
use gort::time::{Ticker, Timer, after_func};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, block_on, eventually, in_time, on, within, yield_until};

const SOON: Duration = Duration::from_millis(3);
/// Longer than the next statement takes, as a rule.
const NOT_YET: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3600);

// --- Timer ---

#[test]
fn a_timer_is_due_once_and_not_too_early() {
    gort::run(|| {
        let start = Instant::now();
        let (timer, early) = in_time(SOON, || {
            let timer = Timer::new(SOON);
            let early = timer.receiver().try_recv();
            (timer, early)
        });
        assert_eq!(early, Err(TryRecvError::Empty));
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
    assert!(timer.stop(), "its message has not been received");
    assert!(empty(&timer), "and is not");
    assert!(!timer.reset(Duration::ZERO), "it was stopped");
    assert!(timer.receiver().try_recv().is_ok());
    // Received.
    assert!(!timer.stop() && empty(&timer));
    assert!(!timer.reset(Duration::ZERO));
    assert!(timer.reset(LONG), "it was due");
    assert!(empty(&timer), "and what was due before is gone");
    assert!(timer.stop());
    // Received, and put back.
    for again in [|timer: &Timer| timer.stop(), |timer: &Timer| timer.reset(LONG)] {
        let timer = Timer::new(Duration::ZERO);
        let mut select = Select::new();
        select.recv(timer.receiver());
        drop(select.select());
        assert!(!timer.receiver().is_empty());
        assert!(again(&timer) && empty(&timer));
    }
    // Due before the clock began.
    let long_ago = Instant::now().checked_sub(LONG * 1_000_000).unwrap_or_else(Instant::now);
    let timer = Timer::at(long_ago);
    assert!(timer.receiver().try_recv().is_ok() && !timer.stop());
    // For ever.
    let timer = Timer::new(Duration::MAX);
    assert!(empty(&timer));
    assert!(timer.stop(), "it was on, however long it is until it is due");
    assert!(!timer.stop() && !timer.reset(Duration::MAX));
    assert!(timer.reset(LONG) && timer.reset(Duration::MAX) && timer.stop());
    assert_eq!(format!("{timer:?}"), "Timer { is_due: false, .. }");
}

/// A message that was taken, and comes back when its timer has been stopped or set anew meanwhile, is an old one.
#[test]
fn what_is_put_back_too_late_is_not_received() {
    let hold = |receiver: &Receiver<Instant>, meanwhile: &dyn Fn()| {
        let mut select = Select::new();
        select.recv(receiver);
        let taken = select.select();
        meanwhile();
        drop(taken);
    };
    let is_empty = |receiver: &Receiver<Instant>| receiver.try_recv() == Err(TryRecvError::Empty);
    let timer = Timer::new(Duration::ZERO);
    hold(timer.receiver(), &|| assert!(!timer.reset(LONG), "it has been taken"));
    assert!(is_empty(timer.receiver()) && timer.reset(Duration::ZERO));
    hold(timer.receiver(), &|| assert!(!timer.stop()));
    assert!(is_empty(timer.receiver()) && !timer.reset(Duration::ZERO));
    // The new time has passed as well, and is earlier.
    let due = Instant::now();
    timer.reset_at(due + Duration::from_nanos(1));
    hold(timer.receiver(), &|| assert!(!timer.reset_at(due)));
    assert_eq!(timer.receiver().try_recv(), Ok(due));
    assert!(is_empty(timer.receiver()) && !timer.reset_at(due + Duration::from_nanos(1)));
    hold(timer.receiver(), &|| {
        timer.reset_at(due);
        assert_eq!(timer.receiver().try_recv(), Ok(due));
    });
    assert!(is_empty(timer.receiver()) && !timer.reset_at(due));
    hold(timer.receiver(), &|| ());
    assert_eq!(timer.receiver().try_recv(), Ok(due), "this one is not old");

    let ticker = Ticker::new(Duration::from_millis(1));
    hold(ticker.receiver(), &|| ticker.stop());
    assert!(is_empty(ticker.receiver()));
    ticker.reset(Duration::from_millis(1));
    hold(ticker.receiver(), &|| ticker.reset(LONG));
    assert!(is_empty(ticker.receiver()));
    ticker.reset(SOON);
    let first = Instant::now() + SOON;
    hold(ticker.receiver(), &|| ());
    assert!(ticker.receiver().recv().unwrap() <= first, "nor is the first of the new ticks");
}

/// The same of a future that has been handed it.
#[test]
fn what_a_future_puts_back_too_late_is_not_received() {
    let timer = Timer::new(Duration::ZERO);
    let mut select = Select::new();
    select.recv(timer.receiver());
    let taken = select.select();
    let mut future = Box::pin(timer.receiver().recv_async());
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(taken); // it goes to the future
    assert!(timer.receiver().is_empty());
    assert!(!timer.reset(LONG));
    drop(future);
    assert_eq!(timer.receiver().try_recv(), Err(TryRecvError::Empty));
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
                assert_ne!(
                    was_on, received,
                    "it was stopped, or its message received, and not both"
                );
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
        let (timer, waiter, was_on) = in_time(NOT_YET, || {
            let timer = Timer::new(NOT_YET);
            let receiver = timer.receiver().clone();
            let waiter = gort::spawn(move || receiver.recv().unwrap());
            gort::yield_now();
            let was_on = timer.stop();
            (timer, waiter, was_on)
        });
        assert!(was_on);
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
        let old = in_time(SOON, || {
            ticker.reset(SOON);
            ticker.receiver().try_recv()
        });
        assert_eq!(old, Err(TryRecvError::Empty), "nothing old");
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
