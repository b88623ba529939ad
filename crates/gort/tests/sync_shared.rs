//! `SingleFlight`, `Pool`: what several use together.

mod support;

use gort::context::{self, ContextError};
use gort::sync::{Pool, PoolGuard, SingleFlight};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, eventually, in_turn, runtime, within, yield_until};

const SOON: Duration = Duration::from_millis(2);

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

/// Keys are cloned and dropped by code of the user's, which may look at the table.
#[test]
fn keys_are_made_and_dropped_without_the_lock() {
    #[derive(PartialEq, Eq, Hash)]
    struct Key;
    static FLIGHTS: LazyLock<SingleFlight<Key, u8>> = LazyLock::new(SingleFlight::new);
    fn look() {
        assert!(format!("{:?}", *FLIGHTS).starts_with("SingleFlight"));
    }
    impl Clone for Key {
        fn clone(&self) -> Key {
            look();
            Key
        }
    }
    impl Drop for Key {
        fn drop(&mut self) {
            look();
        }
    }
    in_turn(|| {
        let mut other = None;
        let value = FLIGHTS.run(Key, || {
            other = Some(gort::spawn(|| FLIGHTS.run(Key, || unreachable!())));
            gort::yield_now(); // it waits for this call
            FLIGHTS.forget(&Key);
            7
        });
        assert_eq!([value, other.unwrap().join().unwrap()], [7, 7]);
    });
}

/// A call that is over is so also if leaving it was interrupted, here by a key's `Hash`.
#[test]
fn a_value_is_not_served_again_if_its_key_panics() {
    #[derive(Clone, PartialEq, Eq)]
    struct Key;
    impl Hash for Key {
        fn hash<H: Hasher>(&self, _: &mut H) {
            if FAILS.swap(false, Relaxed) {
                resume_unwind(Box::new("on purpose"));
            }
        }
    }
    struct Value(u8);
    impl Clone for Value {
        fn clone(&self) -> Value {
            // The next thing is to leave.
            FAILS.store(self.0 == 1, Relaxed);
            Value(self.0)
        }
    }
    static FAILS: AtomicBool = AtomicBool::new(false);
    let flights = SingleFlight::new();
    assert!(catch_unwind(AssertUnwindSafe(|| flights.run(Key, || Value(1)))).is_err());
    assert_eq!(flights.run(Key, || Value(2)).0, 2);
    assert_eq!(format!("{flights:?}"), "SingleFlight { flights: 0 }");
}

/// A shutdown does not interrupt who leaves a call, and waits for that until a key is compared.
#[test]
fn a_shutdown_lets_a_call_be_left() {
    #[derive(Clone, PartialEq, Eq)]
    struct Key(u8);
    impl Hash for Key {
        fn hash<H: Hasher>(&self, _: &mut H) {
            // The second is in the table until it is told to go on.
            if self.0 == 2 && !IN_TABLE.swap(true, SeqCst) {
                eventually("it may leave the table", || MAY_LEAVE.load(SeqCst));
            }
        }
    }
    #[derive(PartialEq, Debug)]
    struct Value(u8);
    impl Clone for Value {
        fn clone(&self) -> Value {
            CLONED.store(true, SeqCst);
            Value(self.0)
        }
    }
    static IN_TABLE: AtomicBool = AtomicBool::new(false);
    static MAY_LEAVE: AtomicBool = AtomicBool::new(false);
    static CLONED: AtomicBool = AtomicBool::new(false);
    static FLIGHTS: LazyLock<SingleFlight<Key, Value>> = LazyLock::new(SingleFlight::new);
    within(LIMIT, || {
        let runtime = runtime(2);
        let first = runtime.spawn(|| {
            FLIGHTS.run(Key(1), || {
                thread::spawn(|| FLIGHTS.run(Key(2), || Value(2)));
                eventually("the table is taken", || IN_TABLE.load(SeqCst));
                Value(1)
            })
        });
        eventually("the first has its value", || CLONED.load(SeqCst));
        let left = runtime.shutdown(SOON).unwrap_err();
        assert_eq!(left.goroutines(), 1, "it is leaving");
        MAY_LEAVE.store(true, SeqCst);
        assert_eq!(first.join().unwrap(), Value(1));
        assert_eq!(FLIGHTS.run(Key(1), || Value(3)), Value(3));
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

/// A value has one user at a time, and what one processor has put away another finds, unless a third is just at it there: who
/// meets that one makes a value, so nobody can say how many there will be.
#[test]
fn a_pool_shared_by_all() {
    const EACH: usize = if cfg!(debug_assertions) { 500 } else { 20_000 };
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static VALUES: Pool<Box<AtomicBool>> = Pool::new(|| {
        MADE.fetch_add(1, Relaxed);
        Box::default()
    });
    within(LIMIT, || {
        let take = || {
            for _ in 0..EACH {
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
        let made = MADE.load(Relaxed);
        assert!(made * 10 < EACH * 17, "{made} were made");
        // Nobody else is there.
        let all: Vec<_> = (0..VALUES.idle()).map(|_| VALUES.get()).collect();
        assert_eq!((VALUES.idle(), MADE.load(Relaxed)), (0, made), "{} were there", all.len());
    });
}
