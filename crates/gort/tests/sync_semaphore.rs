//! `Semaphore`: what Go's weighted one and Tokio's are tested for.

mod support;

use gort::context::{self, ContextError};
use gort::sync::{Permit, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, in_turn, within};

const SOON: Duration = Duration::from_millis(2);

/// Never more in use than there are.
fn hammer(semaphore: &Semaphore, used: &AtomicUsize, size: usize, n: usize, times: usize) {
    for turn in 0..times {
        let permit = semaphore.acquire(n);
        let now = used.fetch_add(n, Relaxed) + n;
        assert!(now <= size, "{now} of {size} are in use");
        if turn % 16 == 0 {
            gort::yield_now();
        }
        used.fetch_sub(n, Relaxed);
        drop(permit);
    }
}

#[test]
fn goroutines_and_threads_hammer_a_semaphore() {
    within(LIMIT, || {
        const SIZE: usize = 5;
        let times = if cfg!(debug_assertions) { 1_000 } else { 20_000 };
        let (semaphore, used) = (&Semaphore::new(SIZE), &AtomicUsize::new(0));
        thread::scope(|threads| {
            threads.spawn(|| hammer(semaphore, used, SIZE, 2, times));
            gort::scope(|s| {
                for n in 0..12 {
                    s.go(move || hammer(semaphore, used, SIZE, n % SIZE + 1, times));
                }
            });
        });
        assert_eq!(semaphore.available(), SIZE);
    });
}

/// Small requests keep coming, and there is always room for them.
#[test]
fn a_large_request_is_not_starved_by_small_ones() {
    within(LIMIT, || {
        let (semaphore, large) = (&Semaphore::new(4), &AtomicUsize::new(0));
        gort::scope(|s| {
            for _ in 0..8 {
                s.go(|| {
                    while large.load(Relaxed) < 100 {
                        let _one = semaphore.acquire(1);
                        gort::yield_now();
                    }
                });
            }
            s.go(|| {
                for _ in 0..100 {
                    let _all = semaphore.acquire(4);
                    large.fetch_add(1, Relaxed);
                }
            });
        });
        assert_eq!(semaphore.available(), 4);
    });
}

#[test]
fn permits_go_out_in_order_of_arrival() {
    in_turn(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let order = Arc::new(Mutex::new(Vec::new()));
        let all = semaphore.acquire(3);
        for (name, n) in [("a", 1), ("b", 3), ("c", 1), ("d", 2), ("nothing", 0)] {
            let (semaphore, order) = (semaphore.clone(), order.clone());
            gort::go!(move || {
                let permit = semaphore.acquire(n);
                order.lock().unwrap().push(name);
                gort::yield_now();
                drop(permit);
            });
            gort::yield_now();
        }
        assert!(semaphore.try_acquire(0).is_none(), "it is others' turn");
        drop(all);
        let _last = semaphore.acquire(3);
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "d", "nothing"]);
    });
}

/// The one at the head wants more than there is, and those behind it wait for it; when it gives up, all that fit
/// go on.
#[test]
fn a_cancelled_head_lets_those_behind_it_go_on() {
    in_turn(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let one = semaphore.acquire(1);
        let (ctx, cancel) = context::with_cancel(&context::background());
        let large = {
            let semaphore = semaphore.clone();
            gort::spawn(move || semaphore.acquire_context(2, &ctx).map(Permit::forget))
        };
        gort::yield_now();
        let small = {
            let semaphore = semaphore.clone();
            gort::spawn(move || semaphore.acquire(1).forget())
        };
        gort::yield_now();
        assert!(!small.is_finished(), "it does not overtake");
        cancel.cancel();
        assert_eq!(large.join().unwrap(), Err(ContextError::Cancelled));
        assert_eq!(small.join().unwrap(), 1);
        drop(one);
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn giving_up_at_all_moments_loses_no_permit() {
    within(LIMIT, || {
        const SIZE: usize = 3;
        let (semaphore, used) = (&Semaphore::new(SIZE), &AtomicUsize::new(0));
        let missed = &AtomicUsize::new(0);
        let turns = if cfg!(debug_assertions) { 300 } else { 3_000 };
        gort::scope(|s| {
            for number in 0..16 {
                s.go(move || {
                    for turn in 0..turns {
                        let n = 1 + (number + turn) % SIZE;
                        let time = Duration::from_micros((number * 31 + turn * 17) as u64 % 100);
                        let permit = if turn % 2 == 0 {
                            semaphore.acquire_timeout(n, time).ok()
                        } else {
                            let root = context::background();
                            let (ctx, _cancel) = context::with_timeout(&root, time);
                            semaphore.acquire_context(n, &ctx).ok()
                        };
                        let Some(_permit) = permit else {
                            missed.fetch_add(1, Relaxed);
                            continue;
                        };
                        assert!(used.fetch_add(n, Relaxed) + n <= SIZE);
                        gort::yield_now();
                        used.fetch_sub(n, Relaxed);
                    }
                });
            }
        });
        assert_eq!(semaphore.available(), SIZE);
        assert!(semaphore.try_acquire(SIZE).is_some(), "nobody is left in the queue");
        assert!(missed.load(Relaxed) > 0);
    });
}

#[test]
fn time_outs() {
    gort::run(|| {
        let semaphore = Semaphore::new(1);
        let start = Instant::now();
        assert!(semaphore.acquire_timeout(2, SOON).is_err());
        assert!(start.elapsed() >= SOON);
        assert!(semaphore.acquire_deadline(2, start).is_err());
        assert_eq!(semaphore.acquire_deadline(1, start).unwrap().count(), 1, "it is to be had");
        assert_eq!(semaphore.acquire_timeout(1, Duration::MAX).unwrap().count(), 1);
    });
}

#[test]
fn permits_are_split_merged_forgotten_and_owned() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.acquire_owned(4);
    let part = permit.split(3).unwrap();
    assert!(permit.split(2).is_none());
    assert_eq!((permit.count(), part.count(), semaphore.available()), (1, 3, 1));
    permit.merge(part);
    gort::spawn(move || drop(permit)).join().unwrap();
    assert_eq!(semaphore.available(), 5);
    assert_eq!(semaphore.acquire(2).forget(), 2);
    assert_eq!(semaphore.available(), 3);
    semaphore.release(4);
    assert_eq!(semaphore.available(), 7);
    assert!(semaphore.try_acquire_owned(8).is_none());
    assert_eq!(semaphore.try_acquire_owned(7).unwrap().count(), 7);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 7, .. }");
    assert_eq!(format!("{:?}", semaphore.acquire(2)), "Permit { count: 2, .. }");
}

#[test]
fn misuse_is_told() {
    let panics = |f: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    let semaphore = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    panics(&|| semaphore.release(1));
    assert_eq!(semaphore.available(), Semaphore::MAX_PERMITS);
    panics(&|| semaphore.release(usize::MAX));
    let none = Semaphore::new(0);
    panics(&|| none.release(Semaphore::MAX_PERMITS + 1));
    panics(&|| none.release(usize::MAX));
    assert_eq!(none.available(), 0);
    panics(&|| drop(semaphore.acquire(Semaphore::MAX_PERMITS + 1)));
    assert!(semaphore.try_acquire(usize::MAX).is_none());
    panics(&|| assert_eq!(Semaphore::new(usize::MAX).available(), 0));
    let other = Semaphore::new(2);
    panics(&|| drop(other.acquire(1).into_owned(&semaphore)));
    panics(&|| {
        let small = Semaphore::new(1);
        other.acquire(1).merge(small.acquire(1));
    });
    assert_eq!(other.available(), 2, "they were given back all the same");
    let mut most = semaphore.acquire(Semaphore::MAX_PERMITS);
    semaphore.release(1);
    let merged = catch_unwind(AssertUnwindSafe(|| most.merge(semaphore.acquire(1))));
    assert!(merged.is_err());
    assert_eq!((most.forget(), semaphore.available()), (Semaphore::MAX_PERMITS, 1));
}

#[test]
fn a_shutdown_takes_waiters_out_of_the_queue() {
    let semaphore = Arc::new(Semaphore::new(1));
    let runtime = support::runtime(2);
    let one = semaphore.acquire(1);
    for _ in 0..10 {
        let semaphore = semaphore.clone();
        runtime.spawn(move || drop(semaphore.acquire(2)));
    }
    support::eventually("somebody waits", || semaphore.try_acquire(0).is_none());
    runtime.shutdown(LIMIT).unwrap();
    drop(one);
    assert!(semaphore.try_acquire(1).is_some());
}

/// Taking permits in a loop is where the end comes, and then they have not been taken.
#[test]
fn a_shutdown_takes_no_permits_with_it() {
    within(LIMIT, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let runtime = support::runtime(1);
        let own = semaphore.clone();
        let looping = runtime.spawn(move || {
            loop {
                drop(own.acquire(1));
            }
        });
        support::eventually("it is at it", || semaphore.available() == 0);
        runtime.shutdown(LIMIT).unwrap();
        assert!(looping.join().is_err());
        assert_eq!(semaphore.available(), 1);
    });
}
