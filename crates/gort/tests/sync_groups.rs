//! `Barrier`, `Notify`, `WaitGroup` with limits, `ErrGroup`, `SingleFlight`, `Pool`.

mod support;

use gort::context::{self, ContextError, cause};
use gort::sync::{Barrier, ErrGroup, Notify, Pool, PoolGuard, SingleFlight, WaitGroup};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

// --- WaitGroup ---

#[test]
fn waiting_for_a_group_can_be_given_up() {
    gort::run(|| {
        let group = WaitGroup::new();
        group.add(1);
        let start = Instant::now();
        assert!(group.wait_timeout(SOON).is_err() && start.elapsed() >= SOON);
        assert!(group.wait_deadline(start).is_err());
        let (ctx, cancel) = context::with_cancel(&context::background());
        let waiter = {
            let (group, ctx) = (group.clone(), ctx.clone());
            gort::spawn(move || group.wait_context(&ctx))
        };
        let patient = {
            let group = group.clone();
            gort::spawn(move || group.wait())
        };
        gort::yield_now();
        cancel.cancel();
        assert_eq!(waiter.join().unwrap(), Err(ContextError::Cancelled));
        group.done();
        patient.join().unwrap();
        assert_eq!(group.wait_context(&ctx), Ok(()));
        assert!(group.wait_deadline(start).is_ok());
    });
}

// --- ErrGroup ---

#[derive(Debug, PartialEq)]
struct Failed(usize);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} has failed", self.0)
    }
}

impl std::error::Error for Failed {}

#[test]
fn the_first_error_ends_the_context_and_is_returned() {
    gort::run(|| {
        let (group, ctx) = ErrGroup::with_context(&context::background());
        for number in 0..100 {
            let ctx = ctx.clone();
            group.go(move || {
                if number == 7 {
                    return Err(Failed(7));
                }
                ctx.done().recv();
                Err(Failed(1_000 + number))
            });
        }
        let error = group.wait().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Failed(7)));
        assert_eq!(cause(&ctx).unwrap().downcast_ref(), Some(&Failed(7)));
        assert_eq!(ctx.err(), Some(ContextError::Cancelled));
        assert_eq!(group.wait().unwrap_err().to_string(), "number 7 has failed", "again");
    });
}

#[test]
fn a_group_without_errors_ends_its_context_when_it_was_waited_for() {
    gort::run(|| {
        let (group, ctx) = ErrGroup::with_context(&context::background());
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let (done, inner) = (done.clone(), group.clone());
            group.go(move || {
                // Its goroutines may start others.
                let again = done.clone();
                inner.go(move || Ok::<_, Failed>(_ = again.fetch_add(1, Relaxed)));
                Ok::<_, Failed>(_ = done.fetch_add(1, Relaxed))
            });
        }
        assert!(!ctx.is_done());
        group.wait().unwrap();
        assert_eq!(done.load(Relaxed), 20);
        assert!(ctx.is_done());
        assert!(cause(&ctx).unwrap().is::<ContextError>());
        assert!(ErrGroup::default().wait().is_ok(), "a group without goroutines");
    });
}

#[test]
fn a_group_with_a_limit_keeps_it() {
    gort::run(|| {
        let group = ErrGroup::new().limit(3);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..50 {
            let (running, most) = (running.clone(), most.clone());
            group.go(move || {
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                gort::yield_now();
                running.fetch_sub(1, Relaxed);
                Ok::<_, Failed>(())
            });
        }
        group.wait().unwrap();
        assert!((1..=3).contains(&most.load(Relaxed)));

        let (tx, rx) = gort::chan::<()>(0);
        for _ in 0..3 {
            let rx = rx.clone();
            assert!(group.try_go(move || Ok::<_, Failed>(_ = rx.recv())).is_ok());
        }
        assert!(group.try_go(|| Ok::<_, Failed>(())).is_err(), "there is no room");
        drop(tx);
        group.wait().unwrap();
        assert!(group.try_go(|| Ok::<_, Failed>(())).is_ok());
    });
    let told = catch_unwind(|| ErrGroup::new().limit(0)).unwrap_err();
    assert_eq!(*told.downcast::<&str>().unwrap(), "gort: an ErrGroup that may have no goroutines");
    let group = ErrGroup::new();
    let _clone = group.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| group.limit(1))).is_err());
}

#[test]
fn a_panic_arrives_at_wait_and_ends_the_context() {
    gort::run(|| {
        let (group, ctx) = ErrGroup::with_context(&context::background());
        group.go(|| -> Result<(), Failed> { panic!("on purpose") });
        let other = ctx.clone();
        group.go(move || Ok::<_, Failed>(_ = other.done().recv()));
        let payload = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "on purpose");
        assert_eq!(cause(&ctx).unwrap().to_string(), "a goroutine of the group has panicked");
        let payload = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
        let told = payload.downcast::<&str>().unwrap();
        assert_eq!(*told, "gort: a goroutine of the ErrGroup has panicked");
    });
}

/// Its goroutines belong to a runtime that goes: the wait from outside ends, with an error.
#[test]
fn a_shutdown_fails_the_group() {
    let runtime = support::runtime(1);
    let group = ErrGroup::new();
    let (other, begun) = (group.clone(), Arc::new(AtomicBool::new(false)));
    let at_it = begun.clone();
    runtime.run(move || {
        other.go(move || {
            at_it.store(true, Relaxed);
            gort::sleep(Duration::MAX);
            Ok::<_, Failed>(())
        });
    });
    support::eventually("it sleeps", || begun.load(Relaxed));
    runtime.shutdown(LIMIT).unwrap();
    assert_eq!(group.wait().unwrap_err().to_string(), "the runtime was shut down");
}

// --- SingleFlight ---

#[test]
fn those_who_come_together_share_a_call() {
    in_turn(|| {
        let flights: Arc<SingleFlight<&str, usize>> = Arc::new(SingleFlight::new());
        let calls = Arc::new(AtomicUsize::new(0));
        for round in 1..=3 {
            let (open, gate) = gort::chan::<()>(0);
            let begun = Arc::new(AtomicUsize::new(0));
            let all: Vec<_> = (0..50)
                .map(|_| {
                    let (flights, calls) = (flights.clone(), calls.clone());
                    let (gate, begun) = (gate.clone(), begun.clone());
                    gort::spawn(move || {
                        begun.fetch_add(1, Relaxed);
                        flights.run("key", || {
                            gate.recv();
                            calls.fetch_add(1, Relaxed) + 1
                        })
                    })
                })
                .collect();
            yield_until("all wait", || begun.load(Relaxed) == 50);
            drop(open);
            for one in all {
                assert_eq!(one.join().unwrap(), round);
            }
            assert_eq!(format!("{flights:?}"), "SingleFlight { flights: 0 }", "nothing is kept");
        }
        assert_eq!(flights.run("another", || 77), 77);
    });
}

#[test]
fn who_waits_for_a_call_that_panics_makes_its_own() {
    in_turn(|| {
        let flights: Arc<SingleFlight<u8, &str>> = Arc::default();
        let other = flights.clone();
        let first = gort::spawn(move || {
            other.run(1, || {
                gort::yield_now();
                panic!("on purpose")
            })
        });
        let others: Vec<_> = (0..5)
            .map(|_| {
                let flights = flights.clone();
                gort::spawn(move || flights.run(1, || "mine"))
            })
            .collect();
        assert!(first.join().is_err());
        assert!(others.into_iter().all(|other| other.join().unwrap() == "mine"));
        assert_eq!(format!("{flights:?}"), "SingleFlight { flights: 0 }");
        let other = flights.clone();
        assert!(gort::spawn(move || other.run(2, || panic!("alone"))).join().is_err());
        assert_eq!(format!("{flights:?}"), "SingleFlight { flights: 0 }");
    });
}

#[test]
fn a_forgotten_call_is_not_joined_and_waits_can_be_given_up() {
    in_turn(|| {
        let flights: Arc<SingleFlight<u8, u32>> = Arc::default();
        let (tx, rx) = gort::chan::<u32>(0);
        let other = flights.clone();
        let slow = gort::spawn(move || other.run(1, || rx.recv().unwrap()));
        gort::yield_now();
        assert!(flights.run_timeout(1, SOON, || unreachable!()).is_err());
        assert!(flights.run_deadline(1, Instant::now(), || unreachable!()).is_err());
        let (ctx, cancel) = context::with_cancel(&context::background());
        cancel.cancel();
        let ended = flights.run_context(1, &ctx, || unreachable!());
        assert_eq!(ended, Err(ContextError::Cancelled));
        flights.forget(&1);
        assert_eq!(flights.run(1, || 2), 2);
        tx.send(5).unwrap();
        assert_eq!(slow.join().unwrap(), 5);
        assert_eq!(flights.run_context(1, &ctx, || 3), Ok(3), "nobody is at it");
    });
}

/// What a call returns was made by one that had not returned when it began.
#[test]
fn a_value_is_not_older_than_one_that_was_returned_before() {
    within(LIMIT, || {
        let (flights, clock) = (&SingleFlight::<u8, usize>::new(), &AtomicUsize::new(0));
        let returned = &AtomicUsize::new(0);
        gort::scope(|s| {
            for _ in 0..8 {
                s.go(|| {
                    for _ in 0..if cfg!(debug_assertions) { 500 } else { 5_000 } {
                        let before = returned.load(SeqCst);
                        let value = flights.run(1, || {
                            gort::yield_now();
                            clock.fetch_add(1, SeqCst) + 1
                        });
                        returned.fetch_max(value, SeqCst);
                        assert!(value > before, "{value} was returned before, as was {before}");
                    }
                });
            }
        });
        assert_eq!(format!("{flights:?}"), "SingleFlight { flights: 0 }");
    });
}

// --- Pool ---

#[test]
fn a_pool_uses_values_again() {
    in_turn(|| {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let pool = Pool::with_max_idle(2, move || {
            counter.fetch_add(1, Relaxed);
            Vec::<u8>::new()
        });
        pool.get().push(1);
        assert_eq!(*pool.get(), [1], "as it was left");
        assert_eq!((made.load(Relaxed), pool.idle()), (1, 1));
        let three = [pool.get(), pool.get(), pool.get()];
        assert_eq!((made.load(Relaxed), pool.idle()), (3, 0));
        drop(three);
        assert_eq!(pool.idle(), 2, "no more than two are kept");
        let taken = PoolGuard::into_inner(pool.get());
        assert_eq!(pool.idle(), 1);
        pool.put(taken);
        let spoiled = catch_unwind(AssertUnwindSafe(|| {
            let _value = pool.get();
            panic!("on purpose");
        }));
        assert!(spoiled.is_err());
        assert_eq!(pool.idle(), 1, "what may be half changed is not kept");
        assert_eq!(format!("{pool:?}"), "Pool { idle: 1, max_idle: 2, .. }");
        pool.clear();
        assert_eq!(pool.idle(), 0);
        assert_eq!(*Pool::<u32>::default().get(), 0);
    });
}

/// A value has one user at a time, and what one processor has put away another finds.
#[test]
fn a_pool_shared_by_all() {
    static VALUES: Pool<Box<AtomicBool>> = Pool::new(Box::default);
    within(LIMIT, || {
        let take = || {
            for _ in 0..if cfg!(debug_assertions) { 500 } else { 20_000 } {
                let value = VALUES.get();
                assert!(!value.swap(true, Relaxed), "another has it");
                gort::yield_now();
                value.store(false, Relaxed);
            }
        };
        thread::scope(|threads| {
            threads.spawn(take);
            gort::scope(|s| (0..16).for_each(|_| drop(s.go(take))));
        });
        assert!(VALUES.idle() <= 17);
    });
}
