//! `Once`, `OnceLock` and `LazyLock`: what std's are tested for, and what goroutines add.

mod support;

use gort::context::{self, ContextError};
use gort::sync::{LazyLock, Once, OnceLock, WaitGroup};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, eventually, in_turn, within};

const SOON: Duration = Duration::from_millis(2);

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .unwrap_or_else(|| payload.downcast_ref::<&str>().copied().expect("a panic with a message"))
}

#[test]
fn of_many_goroutines_and_threads_one_calls() {
    within(LIMIT, || {
        for _ in 0..if cfg!(debug_assertions) { 50 } else { 500 } {
            let (once, calls) = (&Once::new(), &AtomicU32::new(0));
            let call = move || {
                once.call_once(|| {
                    gort::yield_now();
                    calls.fetch_add(1, Relaxed);
                });
                assert_eq!(calls.load(Relaxed), 1, "it has returned");
            };
            thread::scope(|threads| {
                threads.spawn(call);
                gort::scope(|s| (0..20).for_each(|_| drop(s.go(call))));
            });
            assert!(once.is_completed());
        }
    });
}

#[test]
fn a_panic_poisons_a_once_until_somebody_insists() {
    gort::run(|| {
        let once = Arc::new(Once::new());
        let other = once.clone();
        assert!(gort::spawn(move || other.call_once(|| panic!("on purpose"))).join().is_err());
        assert!(!once.is_completed());
        let payload =
            catch_unwind(AssertUnwindSafe(|| once.call_once(|| unreachable!()))).unwrap_err();
        assert_eq!(message(&*payload), "gort: a Once was called whose function has panicked");
        let payload = catch_unwind(AssertUnwindSafe(|| once.wait())).unwrap_err();
        assert_eq!(message(&*payload), "gort: waited for a Once whose function has panicked");
        let other = once.clone();
        let patient = gort::spawn(move || other.wait_force());
        gort::yield_now();
        let again = AssertUnwindSafe(|| once.call_once_force(|_| panic!("again")));
        assert!(catch_unwind(again).is_err());
        once.call_once_force(|state| assert!(state.is_poisoned()));
        patient.join().unwrap();
        once.call_once(|| unreachable!());
        once.call_once_force(|_| unreachable!());
        once.wait();
    });
}

#[test]
fn who_waits_for_itself_is_told() {
    let in_goroutine = || {
        let once = Once::new();
        let payload = catch_unwind(AssertUnwindSafe(|| once.call_once(|| once.call_once(|| {}))));
        let payload = payload.unwrap_err();
        assert!(message(&*payload).contains("has come back to it"), "{}", message(&*payload));
        let once = Once::new();
        once.call_once(|| assert!(catch_unwind(AssertUnwindSafe(|| once.wait())).is_err()));

        let lock = OnceLock::new();
        let payload = catch_unwind(AssertUnwindSafe(|| *lock.get_or_init(|| *lock.wait() + 1)));
        assert!(message(&*payload.unwrap_err()).contains("has come back to it"));
        assert_eq!(*lock.get_or_init(|| 5), 5, "it is as if nobody had tried");
    };
    gort::run(in_goroutine);
    in_goroutine();
}

#[test]
fn waits_can_be_given_up() {
    gort::run(|| {
        let lock = Arc::new(OnceLock::new());
        let once = Once::new();
        let start = Instant::now();
        assert!(lock.wait_timeout(SOON).is_err());
        assert!(once.wait_timeout(SOON).is_err());
        assert!(start.elapsed() >= 2 * SOON);
        assert!(lock.wait_deadline(start).is_err());
        assert!(once.wait_deadline(start).is_err());
        let (ctx, cancel) = context::with_cancel(&context::background());
        let waiter = {
            let (lock, ctx) = (lock.clone(), ctx.clone());
            gort::spawn(move || lock.wait_context(&ctx).copied())
        };
        let patient = {
            let lock = lock.clone();
            gort::spawn(move || *lock.wait())
        };
        gort::yield_now();
        cancel.cancel();
        assert_eq!(waiter.join().unwrap(), Err(ContextError::Cancelled));
        assert_eq!(once.wait_context(&ctx), Err(ContextError::Cancelled));
        lock.set(3).unwrap();
        assert_eq!(patient.join().unwrap(), 3);
        assert_eq!(lock.wait_context(&ctx), Ok(&3), "it is there, whatever the context says");
        assert_eq!(lock.wait_deadline(start), Ok(&3));
        once.call_once(|| {});
        assert!(once.wait_timeout(Duration::ZERO).is_ok());
    });
}

/// Of those who wait the next tries, when the one before it has failed.
#[test]
fn attempts_that_fail_leave_it_to_the_next() {
    in_turn(|| {
        let lock = Arc::new(OnceLock::<u32>::new());
        let calls = Arc::new(AtomicU32::new(0));
        let attempts: Vec<_> = (0..6)
            .map(|_| {
                let (lock, calls) = (lock.clone(), calls.clone());
                gort::spawn(move || {
                    lock.get_or_try_init(|| {
                        let call = calls.fetch_add(1, Relaxed);
                        gort::yield_now(); // the others come to wait
                        match call {
                            0 | 2 => Err(call),
                            1 => panic!("on purpose"),
                            _ => Ok(call),
                        }
                    })
                    .copied()
                })
            })
            .collect();
        let results: Vec<_> = attempts.into_iter().map(|attempt| attempt.join().ok()).collect();
        let count = |result| results.iter().filter(|other| **other == result).count();
        assert_eq!((count(Some(Err(0))), count(None), count(Some(Err(2)))), (1, 1, 1));
        assert_eq!((count(Some(Ok(3))), calls.load(Relaxed)), (3, 4));
    });
}

#[test]
fn a_once_lock_as_a_value() {
    let mut lock = OnceLock::new();
    assert_eq!((lock.get(), format!("{lock:?}")), (None, "OnceLock(<uninit>)".into()));
    assert_eq!(lock.set("one".to_string()), Ok(()));
    assert_eq!(lock.set("two".to_string()), Err("two".to_string()));
    assert_eq!(format!("{lock:?}"), "OnceLock(\"one\")");
    lock.get_mut().unwrap().push('s');
    assert_eq!(lock.clone(), OnceLock::from("ones".to_string()));
    assert_ne!(lock, OnceLock::new());
    assert_eq!(lock.take().as_deref(), Some("ones"));
    assert_eq!(lock.take(), None);
    assert_eq!(lock.get_or_init(|| "new".into()), "new");
    assert_eq!(lock.into_inner().as_deref(), Some("new"));
    assert_eq!(OnceLock::<u8>::default().into_inner(), None);

    let counted = Arc::new(());
    let lock = OnceLock::from(counted.clone());
    assert_eq!(Arc::strong_count(&counted), 2);
    drop(lock);
    assert_eq!(Arc::strong_count(&counted), 1);
}

#[test]
fn a_lazy_value_is_made_once_and_late() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    static VALUE: LazyLock<u32> = LazyLock::new(|| {
        CALLS.fetch_add(1, Relaxed);
        gort::sleep(SOON);
        42
    });
    assert_eq!(
        (LazyLock::get(&VALUE), format!("{:?}", &VALUE)),
        (None, "LazyLock(<uninit>)".into())
    );
    let group = WaitGroup::new();
    for _ in 0..50 {
        group.go(|| assert_eq!(*VALUE, 42));
    }
    group.wait();
    assert_eq!((CALLS.load(Relaxed), LazyLock::get(&VALUE)), (1, Some(&42)));
    assert_eq!(format!("{:?}", &VALUE), "LazyLock(42)");

    let mut lazy = LazyLock::new(|| 1);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
    *LazyLock::force_mut(&mut lazy) += 1;
    assert_eq!(LazyLock::get_mut(&mut lazy), Some(&mut 2));
    let mut words = LazyLock::new(Vec::new);
    words.push("made by its first change");
    assert_eq!(words.len(), 1);
    assert_eq!(*LazyLock::<u8>::default(), 0);
}

#[test]
fn a_lazy_value_whose_function_panics_is_spoiled() {
    let lazy = LazyLock::<u32, _>::new(|| panic!("on purpose"));
    let force = || catch_unwind(AssertUnwindSafe(|| *lazy)).unwrap_err();
    assert_eq!(message(&*force()), "on purpose");
    assert_eq!(message(&*force()), "gort: a LazyLock was used whose function has panicked");
}

/// The function is cut short with its goroutine; those of other runtimes go on.
#[test]
fn a_shutdown_while_it_is_being_made_leaves_it_to_others() {
    let lock = Arc::new(OnceLock::<u32>::new());
    let runtime = support::runtime(1);
    let begun = Arc::new(AtomicU32::new(0));
    let (other, at_it) = (lock.clone(), begun.clone());
    runtime.spawn(move || {
        other.get_or_init(|| {
            at_it.fetch_add(1, Relaxed);
            gort::sleep(Duration::MAX);
            1
        });
    });
    eventually("it is being made", || begun.load(Relaxed) == 1);
    let other = lock.clone();
    let next = thread::spawn(move || *other.get_or_init(|| 2));
    runtime.shutdown(LIMIT).unwrap();
    assert_eq!(next.join().unwrap(), 2);
}

/// Goroutines of two runtimes may have the same number, and are two all the same.
#[test]
fn one_of_another_runtime_waits_for_its_namesake() {
    within(LIMIT, || {
        let runtimes = [support::runtime(1), support::runtime(1)];
        let lock = Arc::new(OnceLock::new());
        let (release, wait) = gort::chan::chan::<()>(0);
        let (begun, at_it) = gort::chan::chan(1);
        let other = lock.clone();
        let maker = runtimes[0].spawn(move || {
            *other.get_or_init(|| {
                begun.send(()).unwrap();
                wait.recv();
                1
            })
        });
        at_it.recv();
        let other = lock.clone();
        let (came, has_come) = gort::chan::chan(0);
        let namesake = runtimes[1].spawn(move || {
            came.send(()).unwrap();
            *other.get_or_init(|| 2)
        });
        assert_eq!(maker.id(), namesake.id());
        has_come.recv();
        // It comes back, if it takes itself for the other, before the next of its runtime is through.
        runtimes[1].run(gort::yield_now);
        drop(release);
        assert_eq!(maker.join().unwrap(), 1);
        assert_eq!(namesake.join().unwrap(), 1);
    });
}
