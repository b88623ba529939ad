//! `Barrier`, `Notify`: those who wait for each other.

mod support;

use gort::context::{self, ContextError};
use gort::sync::{Barrier, Notify};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, in_turn, within, yield_until};

const SOON: Duration = Duration::from_millis(2);

// --- Barrier ---

#[test]
fn a_barrier_lets_all_through_together_again_and_again() {
    within(LIMIT, || {
        const SIZE: usize = 10;
        const ROUNDS: usize = if cfg!(debug_assertions) { 100 } else { 2_000 };
        let (barrier, arrived, leaders) =
            (&Barrier::new(SIZE), &AtomicUsize::new(0), &AtomicUsize::new(0));
        let run = move || {
            for round in 1..=ROUNDS {
                arrived.fetch_add(1, Relaxed);
                if barrier.wait().is_leader() {
                    leaders.fetch_add(1, Relaxed);
                }
                assert!(arrived.load(Relaxed) >= round * SIZE);
            }
        };
        thread::scope(|threads| {
            (0..2).for_each(|_| drop(threads.spawn(run)));
            gort::scope(|s| (2..SIZE).for_each(|_| drop(s.go(run))));
        });
        assert_eq!(arrived.load(Relaxed), ROUNDS * SIZE);
        assert_eq!(leaders.load(Relaxed), ROUNDS);
    });
}

#[test]
fn a_barrier_counts_nobody_who_has_given_up() {
    in_turn(|| {
        let barrier = Arc::new(Barrier::new(2));
        let (ctx, cancel) = context::with_cancel(&context::background());
        let hasty = {
            let barrier = barrier.clone();
            gort::spawn(move || barrier.wait_context(&ctx).map(|result| result.is_leader()))
        };
        gort::yield_now();
        cancel.cancel();
        assert_eq!(hasty.join().unwrap(), Err(ContextError::Cancelled));
        assert!(barrier.wait_timeout(SOON).is_err(), "there was nobody");
        assert!(barrier.wait_deadline(Instant::now()).is_err());
        assert_eq!(format!("{barrier:?}"), "Barrier { size: 2, arrived: 0, .. }");
        let other = barrier.clone();
        let second = gort::spawn(move || other.wait_timeout(LIMIT).unwrap().is_leader());
        gort::yield_now();
        assert!(barrier.wait().is_leader());
        assert!(!second.join().unwrap());
        assert!(Barrier::new(0).wait().is_leader());
        assert!(Barrier::new(1).wait_timeout(Duration::ZERO).unwrap().is_leader());
    });
}

/// As many give up at any moment as get through in pairs.
#[test]
fn a_barrier_with_time_outs_stays_in_order() {
    within(LIMIT, || {
        let (barrier, through) = (&Barrier::new(2), &AtomicUsize::new(0));
        let leaders = &AtomicUsize::new(0);
        gort::scope(|s| {
            for number in 0..8_u64 {
                s.go(move || {
                    for turn in 0..500 {
                        let time = Duration::from_micros((number * 31 + turn * 17) % 60);
                        if let Ok(result) = barrier.wait_timeout(time) {
                            through.fetch_add(1, Relaxed);
                            leaders.fetch_add(usize::from(result.is_leader()), Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(through.load(Relaxed), 2 * leaders.load(Relaxed));
        assert_eq!(format!("{barrier:?}"), "Barrier { size: 2, arrived: 0, .. }");
    });
}

// --- Notify ---

#[test]
fn a_notification_is_kept_once() {
    in_turn(|| {
        let notify = Arc::new(Notify::new());
        notify.notify_one();
        notify.notify_one();
        assert_eq!(format!("{notify:?}"), "Notify { is_notified: true, .. }");
        notify.wait();
        let start = Instant::now();
        assert!(notify.wait_timeout(SOON).is_err() && start.elapsed() >= SOON);
        assert!(notify.wait_deadline(start).is_err());
        notify.notify_all(); // nobody waits, and this is not kept
        assert!(!notify.try_wait());
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        for number in 0..10 {
            let (notify, order) = (notify.clone(), order.clone());
            gort::go!(move || {
                notify.wait();
                order.lock().unwrap().push(number);
            });
            gort::yield_now();
        }
        for count in 1..=5 {
            notify.notify_one();
            gort::yield_now();
            assert_eq!(*order.lock().unwrap(), (0..count).collect::<Vec<_>>());
        }
        notify.notify_all();
        gort::yield_now();
        assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
        let (ctx, cancel) = context::with_cancel(&context::background());
        cancel.cancel();
        assert_eq!(notify.wait_context(&ctx), Err(ContextError::Cancelled));
        notify.notify_one();
        assert_eq!(notify.wait_context(&ctx), Ok(()), "it is there, whatever the context says");
    });
}

/// As many are notified as have not given up: one by one, with an answer to each.
#[test]
fn notifications_are_not_lost_to_those_who_give_up() {
    within(LIMIT, || {
        let (notify, had) = (&Notify::new(), &AtomicUsize::new(0));
        let stop = &AtomicBool::new(false);
        gort::scope(|s| {
            for number in 0..8_u64 {
                s.go(move || {
                    let mut turn = number;
                    while !stop.load(Relaxed) {
                        turn += 1;
                        let time = Duration::from_micros((number * 31 + turn * 17) % 60);
                        if notify.wait_timeout(time).is_ok() {
                            had.fetch_add(1, Relaxed);
                        }
                    }
                });
            }
            for count in 0..if cfg!(debug_assertions) { 500 } else { 5_000 } {
                notify.notify_one();
                yield_until("somebody has got it", || had.load(Relaxed) == count + 1);
            }
            stop.store(true, Relaxed);
        });
    });
}

/// Taking notifications in a loop is where the end comes, and then it has not been taken.
#[test]
fn a_shutdown_takes_no_notification_with_it() {
    within(LIMIT, || {
        let notify = Arc::new(Notify::new());
        let begun = Arc::new(AtomicBool::new(false));
        let runtime = support::runtime(1);
        let (own, at_it) = (notify.clone(), begun.clone());
        let looping = runtime.spawn(move || {
            loop {
                own.notify_one();
                own.wait();
                at_it.store(true, Relaxed);
            }
        });
        support::eventually("it is at it", || begun.load(Relaxed));
        runtime.shutdown(LIMIT).unwrap();
        assert!(looping.join().is_err());
        assert!(notify.try_wait());
    });
}
