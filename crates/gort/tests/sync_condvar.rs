//! `Condvar`: what std's and Go's are tested for, and what goroutines add.

mod support;

use gort::context::{self, ContextError};
use gort::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, in_turn, within};

const SOON: Duration = Duration::from_millis(2);

type Pair<T> = Arc<(Mutex<T>, Condvar)>;

fn pair<T>(value: T) -> Pair<T> {
    Arc::new((Mutex::new(value), Condvar::new()))
}

/// Generations of waiters, who have come in an order that is known.
#[test]
fn waiters_are_woken_in_the_order_in_which_they_came() {
    in_turn(|| {
        let pair = pair(Vec::new());
        for generation in 0..3 {
            let waiters: Vec<_> = (0..20)
                .map(|number| {
                    let pair = pair.clone();
                    let waiter = gort::spawn(move || {
                        let guard = pair.0.lock().unwrap();
                        pair.1.wait(guard).unwrap().push(number);
                    });
                    gort::yield_now();
                    waiter
                })
                .collect();
            for count in 1..=20 {
                pair.1.notify_one();
                gort::yield_now();
                assert_eq!(pair.0.lock().unwrap().len(), count, "each wakes one");
            }
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            let woken = std::mem::take(&mut *pair.0.lock().unwrap());
            assert_eq!(woken, (0..20).collect::<Vec<_>>(), "generation {generation}");
        }
    });
}

/// One who comes after the notification does not get it in place of one who came before.
#[test]
fn a_new_waiter_cannot_take_the_wake_up_of_an_older_one() {
    in_turn(|| {
        let pair = pair(Vec::new());
        let wait = |name: &'static str| {
            let pair = pair.clone();
            gort::spawn(move || {
                let guard = pair.0.lock().unwrap();
                pair.1.wait(guard).unwrap().push(name);
            })
        };
        let old = wait("old");
        gort::yield_now();
        pair.1.notify_one();
        let guard = pair.0.lock().unwrap();
        let new = wait("new");
        drop(guard);
        gort::yield_now();
        old.join().unwrap();
        assert_eq!(*pair.0.lock().unwrap(), ["old"]);
        pair.1.notify_one();
        new.join().unwrap();
        assert_eq!(*pair.0.lock().unwrap(), ["old", "new"]);
    });
}

#[test]
fn notify_all_wakes_all_who_wait_and_none_who_come_later() {
    in_turn(|| {
        let pair = pair(0);
        let spawn = || {
            let pair = pair.clone();
            gort::spawn(move || {
                let guard = pair.0.lock().unwrap();
                *pair.1.wait(guard).unwrap() += 1;
            })
        };
        let waiters: Vec<_> = (0..100).map(|_| spawn()).collect();
        gort::yield_now();
        pair.1.notify_all();
        let late = spawn();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        gort::yield_now();
        assert!(!late.is_finished());
        pair.1.notify_one();
        late.join().unwrap();
        assert_eq!(*pair.0.lock().unwrap(), 101);
        pair.1.notify_one(); // nobody is there, and nothing is kept
        let (_, result) = pair.1.wait_timeout(pair.0.lock().unwrap(), SOON).unwrap();
        assert!(result.timed_out());
    });
}

/// A ring buffer, as in the text books, between goroutines and threads.
#[test]
fn goroutines_and_threads_share_a_buffer() {
    const EACH: u64 = if cfg!(debug_assertions) { 2_000 } else { 50_000 };
    struct Buffer {
        items: Mutex<Vec<u64>>,
        not_empty: Condvar,
        not_full: Condvar,
    }
    impl Buffer {
        fn put(&self, item: u64) {
            let items = self.items.lock().unwrap();
            self.not_full.wait_while(items, |items| items.len() >= 4).unwrap().push(item);
            self.not_empty.notify_one();
        }
        fn take(&self) -> u64 {
            let items = self.items.lock().unwrap();
            let item = self.not_empty.wait_while(items, |items| items.is_empty()).unwrap().pop();
            self.not_full.notify_one();
            item.unwrap()
        }
    }
    within(LIMIT, || {
        let buffer = Buffer {
            items: Mutex::new(Vec::new()),
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
        };
        let buffer = &buffer;
        let sum = &AtomicU32::new(0);
        let take = move || {
            for _ in 0..EACH {
                sum.fetch_add(buffer.take() as u32, Relaxed);
            }
        };
        thread::scope(|threads| {
            threads.spawn(move || (0..EACH).for_each(|_| buffer.put(1)));
            threads.spawn(take);
            gort::scope(|s| {
                for _ in 0..3 {
                    s.go(move || (0..EACH).for_each(|_| buffer.put(1)));
                    s.go(take);
                }
            });
        });
        assert_eq!(u64::from(sum.load(Relaxed)), 4 * EACH);
    });
}

/// Waiters that give up at all moments: every notification that is given while there is somebody who has
/// not given up lets one go on.
#[test]
fn time_outs_at_all_moments_lose_no_notification() {
    within(LIMIT, || {
        const GIVEN: u32 = 8 * if cfg!(debug_assertions) { 250 } else { 2_500 };
        // The tokens there are, and how many the hasty ones may take.
        let (tokens, added) = (&Mutex::new((0_u32, GIVEN / 2)), &Condvar::new());
        gort::scope(|s| {
            for number in 0..8_u64 {
                s.go(move || {
                    for turn in 0.. {
                        let patience = Duration::from_micros((number * 31 + turn * 17) % 100);
                        let guard = tokens.lock().unwrap();
                        let may_wait = |now: &mut (u32, u32)| now.0 == 0 && now.1 > 0;
                        let (mut now, result) =
                            added.wait_timeout_while(guard, patience, may_wait).unwrap();
                        if now.1 == 0 {
                            // Whatever this one was notified of is for another.
                            added.notify_one();
                            break;
                        }
                        if !result.timed_out() {
                            *now = (now.0 - 1, now.1 - 1);
                        }
                    }
                });
            }
            // These never give up: a notification that was lost would leave one of them asleep for ever.
            for _ in 0..4 {
                s.go(move || {
                    for _ in 0..GIVEN / 8 {
                        let guard = tokens.lock().unwrap();
                        added.wait_while(guard, |now| now.0 == 0).unwrap().0 -= 1;
                    }
                });
            }
            s.go(move || {
                for _ in 0..GIVEN {
                    tokens.lock().unwrap().0 += 1;
                    added.notify_one();
                    if tokens.lock().unwrap().0 > 16 {
                        gort::yield_now();
                    }
                }
            });
        });
        assert_eq!(*tokens.lock().unwrap(), (0, 0));
    });
}

#[test]
fn waits_end_in_time() {
    gort::run(|| {
        let (mutex, condvar) = (Mutex::new(0), Condvar::new());
        let start = Instant::now();
        let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), SOON).unwrap();
        assert!(result.timed_out() && start.elapsed() >= SOON);
        let (guard, result) = condvar.wait_deadline(guard, start).unwrap();
        assert!(result.timed_out(), "a time that has passed");
        let (guard, result) = condvar.wait_timeout(guard, Duration::ZERO).unwrap();
        assert!(result.timed_out());
        let (guard, result) = condvar.wait_timeout_while(guard, Duration::MAX, |n| *n > 0).unwrap();
        assert!(
            !result.timed_out(),
            "the condition does not hold, so there is nothing to wait for"
        );
        let (guard, result) = condvar.wait_deadline_while(guard, start, |n| *n == 0).unwrap();
        assert!(result.timed_out());
        drop(guard);
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn waits_end_with_their_context() {
    gort::run(|| {
        let pair = pair(false);
        let (ctx, cancel) = context::with_cancel(&context::background());
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let (pair, ctx) = (pair.clone(), ctx.clone());
                gort::spawn(move || {
                    let guard = pair.0.lock().unwrap();
                    pair.1.wait_context_while(guard, &ctx, |done| !*done).unwrap().1
                })
            })
            .collect();
        let (plain, other) = (pair.clone(), ctx.clone());
        let plain = gort::spawn(move || {
            let guard = plain.0.lock().unwrap();
            plain.1.wait_context(guard, &other).unwrap().1
        });
        cancel.cancel();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Err(ContextError::Cancelled));
        }
        assert_eq!(plain.join().unwrap(), Err(ContextError::Cancelled));
        let guard = pair.0.lock().unwrap();
        let (_, result) = pair.1.wait_context_while(guard, &ctx, |done| *done).unwrap();
        assert_eq!(result, Ok(()), "there was nothing to wait for");
    });
}

#[test]
fn a_mutex_poisoned_meanwhile_is_told_with_the_guard() {
    let pair = pair(0);
    let other = pair.clone();
    let (is_locked, locked) = gort::chan(1);
    let waiter = gort::spawn(move || {
        let guard = other.0.lock().unwrap();
        is_locked.send(()).unwrap();
        let (guard, result) =
            other.1.wait_timeout_while(guard, LIMIT, |n| *n == 0).unwrap_err().into_inner();
        (*guard, result.timed_out())
    });
    let other = pair.clone();
    let spoiler = gort::spawn(move || {
        locked.recv();
        let mut guard = other.0.lock().unwrap();
        *guard = 7;
        other.1.notify_all();
        panic!("on purpose");
    });
    assert!(spoiler.join().is_err());
    assert_eq!(waiter.join().unwrap(), (7, false));
    assert!(pair.1.wait_timeout(pair.0.lock().unwrap_err().into_inner(), SOON).is_err());
}

/// Those who wait when their runtime goes are unwound, without the mutex.
/// It is about to have the mutex again, which somebody else has until it is gone.
#[test]
fn a_notification_is_another_s_when_a_shutdown_ends_who_was_given_it() {
    #[derive(Default)]
    struct State {
        waiting: u32,
        ready: bool,
    }
    within(LIMIT, || {
        let runtime = gort::Runtime::builder().processors(1).build().unwrap();
        let pair = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let wait = {
            let pair = pair.clone();
            move || {
                let mut state = pair.0.lock().unwrap();
                state.waiting += 1;
                drop(pair.1.wait_while(state, |state| !state.ready).unwrap());
            }
        };
        let is_waiting = |count| {
            while pair.0.lock().unwrap().waiting < count {
                thread::yield_now();
            }
        };
        let first = runtime.spawn(wait.clone());
        is_waiting(1);
        let second = thread::spawn(wait);
        is_waiting(2);
        let mut state = pair.0.lock().unwrap();
        state.ready = true;
        pair.1.notify_one();
        runtime.shutdown(LIMIT).unwrap();
        drop(state);
        second.join().expect("it was notified");
        assert!(first.join().is_err());
    });
}

#[test]
fn a_shutdown_takes_waiters_out_of_the_queue() {
    let pair = pair(0);
    let runtime = support::runtime(2);
    for _ in 0..10 {
        let pair = pair.clone();
        runtime.spawn(move || {
            let mut guard = pair.0.lock().unwrap();
            *guard += 1;
            drop(pair.1.wait(guard));
            unreachable!("nobody notifies");
        });
    }
    support::eventually("all wait", || *pair.0.lock().unwrap() == 10);
    runtime.shutdown(LIMIT).unwrap();
    assert!(!pair.0.is_poisoned());
    pair.1.notify_all();
    assert_eq!(Arc::strong_count(&pair), 1);
}

#[test]
fn what_it_shows() {
    assert_eq!(format!("{:?}", Condvar::default()), "Condvar { .. }");
}
