//! `WaitGroup` with limits, `ErrGroup`.

mod support;

use gort::context::{self, ContextError, cause};
use gort::sync::{ErrGroup, WaitGroup};
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::LIMIT;

const SOON: Duration = Duration::from_millis(2);

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
    let unlimited = ErrGroup::new().limit(usize::MAX);
    unlimited.go(|| Ok::<_, Failed>(()));
    unlimited.wait().unwrap();
    let told = catch_unwind(|| ErrGroup::new().limit(0)).unwrap_err();
    assert_eq!(*told.downcast::<&str>().unwrap(), "gort: an ErrGroup that may have no goroutines");
    let group = ErrGroup::new();
    let _clone = group.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| group.limit(1))).is_err());
}

/// Also when all of them have ended: an error that nobody had waited for was forgotten.
#[test]
fn a_group_that_has_had_goroutines_takes_no_limit() {
    support::on(1, || {
        let group = ErrGroup::new();
        group.go(|| Err(Failed(1)));
        support::yield_until("nobody else is there", || gort::num_goroutines() == 1);
        let told = catch_unwind(AssertUnwindSafe(|| group.limit(1))).unwrap_err();
        let told = told.downcast::<String>().unwrap();
        assert_eq!(*told, "gort: the limit of an ErrGroup is to be set before it is used");
    });
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

/// An error is made into one that others can have by code of the user's, which is a part of what has failed.
#[test]
fn an_error_whose_conversion_panics_fails_the_group() {
    struct Awkward;
    impl From<Awkward> for Box<dyn Error + Send + Sync> {
        fn from(_: Awkward) -> Self {
            panic!("on purpose")
        }
    }
    gort::run(|| {
        let group = ErrGroup::new();
        group.go(|| Err(Awkward));
        let payload = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "on purpose");
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

/// The same for one that has not begun.
#[test]
fn a_shutdown_fails_a_group_that_waits_for_its_turn() {
    support::within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
        let runtime = Arc::new(Mutex::new(Some(builder.time_slice(LIMIT).build().unwrap())));
        let (group, ctx) = ErrGroup::with_context(&context::background());
        let (its_own, of_group) = (runtime.clone(), group.clone());
        let ending = runtime.lock().unwrap().as_ref().unwrap().spawn(move || {
            of_group.go(|| -> Result<(), Failed> { unreachable!() });
            let runtime = its_own.lock().unwrap().take().unwrap();
            runtime.shutdown(LIMIT).unwrap(); // which has begun when this is back
        });
        drop(ending.join());
        assert_eq!(group.wait().unwrap_err().to_string(), "the runtime was shut down");
        assert_eq!(cause(&ctx).unwrap().to_string(), "the runtime was shut down");
    });
}
