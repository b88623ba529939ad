//! Contexts: what Go's are tested for.

mod support;

use gort::context::{
    self, Cause, Context, ContextError, after_func, background, cause, todo, with_cancel,
    with_cancel_cause, with_deadline, with_deadline_cause, with_timeout, with_timeout_cause,
    with_value, without_cancel,
};
use gort::sync::{Mutex, RwLock, WaitGroup};
use gort::{chan::chan, select};
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, Tally, eventually, in_time, on, runtime, within, yield_until};

const SOON: Duration = Duration::from_millis(3);
const LONG: Duration = Duration::from_secs(3600);

fn assert_open(context: &Context) {
    assert_eq!(context.err(), None, "{context:?}");
    assert!(!context.is_done());
    assert!(cause(context).is_none());
    assert!(context.done().try_recv().unwrap_err().is_empty());
}

#[track_caller]
fn assert_ended(context: &Context, error: ContextError) {
    assert_eq!(context.err(), Some(error), "{context:?}");
    assert!(context.is_done());
    assert_eq!(context.done().recv(), None);
    assert!(cause(context).is_some());
}

#[test]
fn roots_have_nothing_and_never_end() {
    for root in [background(), todo(), Context::default()] {
        assert_open(&root);
        assert_eq!(root.deadline(), None);
        assert_eq!(root.value::<u8>(), None);
    }
    assert_eq!(format!("{:?} {:?}", background(), todo()), "background todo");
}

/// In Go the receiving end cannot be closed. Here it could be, for all who have the context, or have none.
#[test]
fn only_its_end_closes_what_a_context_is_waited_for_by() {
    let (context, cancel) = with_cancel(&background());
    for open in [&context, &background(), &todo(), &without_cancel(&context)] {
        open.done().close();
        open.done().clone().close();
        assert!(!open.done().is_closed());
        assert_open(open);
    }
    cancel.cancel();
    assert_ended(&context, ContextError::Cancelled);
}

#[test]
fn cancelling_reaches_children_and_not_parents() {
    let (top, cancel_top) = with_cancel(&background());
    let (left, cancel_left) = with_cancel(&top);
    let (right, _) = with_cancel(&top);
    let (leaf, _) = with_timeout(&with_value(&left, 'x'), LONG);
    [&top, &left, &right, &leaf].into_iter().for_each(assert_open);
    cancel_left.cancel();
    cancel_left.cancel();
    assert_ended(&left, ContextError::Cancelled);
    assert_ended(&leaf, ContextError::Cancelled);
    assert_open(&top);
    assert_open(&right);
    cancel_top.clone().cancel();
    assert_ended(&right, ContextError::Cancelled);
    let (late, _) = with_deadline(&with_value(&top, 1), Instant::now() + LONG);
    assert_ended(&late, ContextError::Cancelled);
}

#[test]
fn deadlines_end_contexts_and_the_earliest_counts() {
    let start = Instant::now();
    let (late, _) = with_timeout(&background(), LONG);
    let (early, _) = with_deadline(&late, start + SOON);
    let (same, _) = with_timeout(&early, LONG);
    assert_eq!(early.deadline(), Some(start + SOON));
    assert_eq!(same.deadline(), early.deadline());
    assert!(late.deadline().unwrap() >= start + LONG);
    assert_eq!(same.done().recv(), None);
    assert!(start.elapsed() >= SOON);
    assert_ended(&same, ContextError::DeadlineExceeded);
    assert_ended(&early, ContextError::DeadlineExceeded);
    assert_open(&late);
}

#[test]
fn no_time_and_all_time() {
    let (past, _) = with_deadline(&background(), Instant::now());
    assert_ended(&past, ContextError::DeadlineExceeded);
    let (none, _) = with_timeout(&background(), Duration::ZERO);
    assert_ended(&none, ContextError::DeadlineExceeded);
    let (always, cancel) = with_timeout(&background(), Duration::MAX);
    assert_eq!(always.deadline(), None);
    assert_open(&always);
    cancel.cancel();
    assert_ended(&always, ContextError::Cancelled);
    let (child, _) = with_timeout(&always, Duration::ZERO);
    assert_ended(&child, ContextError::Cancelled);
}

#[test]
fn a_cancelled_context_does_not_time_out() {
    on(2, || {
        let not_yet = Duration::from_millis(100);
        let ctx = in_time(not_yet, || {
            let (ctx, cancel) = with_timeout(&background(), not_yet);
            cancel.cancel();
            ctx
        });
        assert_ended(&ctx, ContextError::Cancelled);
        gort::sleep(2 * not_yet);
        assert_ended(&ctx, ContextError::Cancelled);
    });
}

#[test]
fn values_are_found_by_type_from_the_inside_out() {
    #[derive(Debug, PartialEq)]
    struct User(u32);
    #[derive(Debug, PartialEq)]
    struct Trace(u32);
    let user = with_value(&background(), User(1));
    let trace = with_value(&user, Trace(2));
    let (cancellable, cancel) = with_cancel(&trace);
    let other = with_value(&cancellable, User(3));
    assert_eq!((user.value::<User>(), user.value::<Trace>()), (Some(&User(1)), None));
    assert_eq!((other.value(), other.value()), (Some(&User(3)), Some(&Trace(2))));
    assert_eq!(cancellable.value(), Some(&User(1)));
    cancel.cancel();
    assert_eq!(other.value(), Some(&Trace(2)), "also when it has ended");
    assert_eq!(without_cancel(&other).value(), Some(&User(3)));
    assert_eq!(with_value(&other, "text").value::<&str>(), Some(&"text"));
}

#[test]
fn a_context_without_cancel_goes_on() {
    let (parent, cancel) = with_timeout(&background(), LONG);
    let free = without_cancel(&parent);
    let (child, cancel_child) = with_cancel(&free);
    assert_eq!(free.deadline(), None);
    cancel.cancel();
    assert_ended(&parent, ContextError::Cancelled);
    assert_open(&free);
    assert_open(&child);
    cancel_child.cancel();
    assert_ended(&child, ContextError::Cancelled);
}

#[derive(Debug, PartialEq)]
struct Reason(u32);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reason {}", self.0)
    }
}

impl Error for Reason {}

fn reason(context: &Context) -> Option<u32> {
    cause(context)?.downcast_ref::<Reason>().map(|reason| reason.0)
}

fn is_plain(context: &Context, error: ContextError) -> bool {
    cause(context).is_some_and(|cause| cause.downcast_ref() == Some(&error))
}

/// Go's table of causes.
#[test]
fn causes() {
    use ContextError::*;
    let past = Instant::now();

    let (ctx, cancel) = with_cancel(&background());
    cancel.cancel();
    assert!(is_plain(&ctx, Cancelled), "no cause: the error");

    let (ctx, cancel) = with_cancel_cause(&background());
    cancel.cancel(Reason(1));
    cancel.cancel(Reason(2));
    assert_eq!((ctx.err(), reason(&ctx)), (Some(Cancelled), Some(1)), "the first one stays");

    let (ctx, cancel) = with_cancel_cause(&background());
    cancel.without_cause().cancel();
    cancel.cancel(Reason(1));
    assert!(is_plain(&ctx, Cancelled));

    let (parent, cancel_parent) = with_cancel_cause(&background());
    let (child, cancel_child) = with_cancel_cause(&parent);
    cancel_parent.cancel(Reason(1));
    cancel_child.cancel(Reason(2));
    assert_eq!((reason(&parent), reason(&child)), (Some(1), Some(1)), "the parent was first");

    let (parent, cancel_parent) = with_cancel_cause(&background());
    let (child, cancel_child) = with_cancel_cause(&parent);
    cancel_child.cancel(Reason(2));
    cancel_parent.cancel(Reason(1));
    assert_eq!((reason(&parent), reason(&child)), (Some(1), Some(2)), "the child was first");

    let (parent, cancel_parent) = with_cancel_cause(&background());
    let grandchild = with_value(&with_cancel(&parent).0, 5);
    let (timed, _) = with_timeout(&grandchild, LONG);
    drop(grandchild);
    cancel_parent.cancel(Reason(1));
    assert_eq!((timed.err(), reason(&timed)), (Some(Cancelled), Some(1)), "through all layers");

    let (ctx, _) = with_deadline(&background(), past);
    assert!(is_plain(&ctx, DeadlineExceeded));
    let (ctx, _) = with_deadline_cause(&background(), past, Reason(3));
    assert_eq!((ctx.err(), reason(&ctx)), (Some(DeadlineExceeded), Some(3)));
    let (ctx, _) = with_timeout_cause(&background(), SOON, Reason(3));
    ctx.done().recv();
    assert_eq!((ctx.err(), reason(&ctx)), (Some(DeadlineExceeded), Some(3)));
    let (ctx, cancel) = with_timeout_cause(&background(), LONG, Reason(3));
    cancel.cancel();
    assert!(is_plain(&ctx, Cancelled), "it was not the time");

    let (parent, _) = with_timeout_cause(&background(), SOON, Reason(1));
    let (child, _) = with_timeout_cause(&parent, LONG, Reason(2));
    child.done().recv();
    assert_eq!(reason(&child), Some(1), "the parent's time was up");

    let (parent, cancel) = with_cancel_cause(&background());
    let free = without_cancel(&parent);
    cancel.cancel(Reason(1));
    assert!(cause(&free).is_none());
    let (child, cancel) = with_cancel_cause(&free);
    cancel.cancel(Reason(2));
    assert_eq!(reason(&child), Some(2));

    let (late, _) = with_cancel(&parent);
    assert_eq!(reason(&late), Some(1), "born into an ended family");
}

#[test]
fn what_errors_and_causes_say() {
    assert_eq!(ContextError::Cancelled.to_string(), "context cancelled");
    assert_eq!(ContextError::DeadlineExceeded.to_string(), "context deadline exceeded");
    let io = std::io::Error::from(ContextError::DeadlineExceeded);
    assert_eq!(io.kind(), std::io::ErrorKind::TimedOut);
    let io = std::io::Error::from(ContextError::Cancelled);
    assert_eq!(
        (io.kind(), io.to_string()),
        (std::io::ErrorKind::Other, "context cancelled".into())
    );

    let (ctx, cancel) = with_cancel_cause(&background());
    cancel.cancel(std::io::Error::other(Reason(4)));
    let cause: Cause = cause(&ctx).unwrap();
    assert_eq!(cause.to_string(), "reason 4");
    assert!(cause.is::<std::io::Error>() && !cause.is::<Reason>());
    assert!(cause.get().downcast_ref::<std::io::Error>().is_some());
    assert_eq!(format!("{cause:?}"), format!("{:?}", std::io::Error::other(Reason(4))));
    let boxed: Box<dyn Error> = Box::new(cause.clone());
    drop(boxed);
}

#[test]
fn what_contexts_show() {
    let (ctx, cancel) = with_cancel(&with_value(&todo(), 5_u8));
    let free = without_cancel(&ctx);
    assert_eq!(format!("{free:?}"), "todo.with_value(u8).with_cancel().without_cancel");
    cancel.cancel();
    assert_eq!(format!("{ctx:?}"), "todo.with_value(u8).with_cancel(context cancelled)");
    assert_eq!(format!("{cancel:?}"), format!("Cancel({ctx:?})"));
    let (timed, _) = with_timeout(&background(), LONG);
    let shown = format!("{timed:?}");
    assert!(
        shown.starts_with("background.with_cancel(3599.") && shown.ends_with("s left)"),
        "{shown}"
    );
}

/// Whoever finds `done` closed finds `err` set, also further down.
#[test]
fn the_error_is_there_no_later_than_the_end() {
    on(2, || {
        for _ in 0..300 {
            let (parent, cancel) = with_cancel(&background());
            let (child, _) = with_cancel(&parent);
            let group = WaitGroup::new();
            for ctx in [parent, child] {
                for way in 0..3 {
                    let ctx = ctx.clone();
                    group.go(move || {
                        match way {
                            0 => drop(ctx.done().recv()),
                            1 => select! { recv(ctx.done()) -> _ => {}, after(LONG) => panic!() },
                            _ => yield_until("closed", || ctx.done().is_closed()),
                        }
                        assert_eq!(ctx.err(), Some(ContextError::Cancelled));
                        assert!(cause(&ctx).is_some());
                    });
                }
            }
            gort::yield_now();
            cancel.cancel();
            group.wait();
        }
    });
}

#[test]
fn waits_can_be_given_up() {
    let mutex = Mutex::new(0);
    let lock = RwLock::new(0);
    let _held = mutex.lock().unwrap();
    let _writer = lock.write().unwrap();
    let (timed, _) = with_timeout(&background(), SOON);
    assert!(mutex.lock_context(&timed).is_err());
    assert!(timed.is_done());
    assert!(mutex.lock_context(&timed).is_err(), "at once");
    assert!(lock.read_context(&timed).is_err() && lock.write_context(&timed).is_err());
    let (ctx, cancel) = with_cancel(&background());
    gort::scope(|s| {
        for way in 0..300 {
            let (ctx, mutex, lock) = (&ctx, &mutex, &lock);
            s.go(move || match way % 3 {
                0 => assert!(mutex.lock_context(ctx).is_err()),
                1 => assert!(lock.read_context(ctx).is_err()),
                _ => assert!(lock.write_context(&with_value(ctx, 'v')).is_err()),
            });
        }
        gort::yield_now();
        cancel.cancel();
    });
    assert!(Mutex::new(0).lock_context(&ctx).is_ok(), "what is free is had");
}

#[test]
fn functions_are_called_once_and_late_ones_at_once() {
    on(2, || {
        let (ctx, cancel) = with_cancel(&background());
        let (tx, rx) = chan(10);
        let early: Vec<_> = (0..3)
            .map(|n| {
                let tx = tx.clone();
                after_func(&ctx, move || tx.send(n).unwrap())
            })
            .collect();
        assert!(early[1].stop());
        assert!(rx.try_recv().is_err());
        cancel.cancel();
        let late = after_func(&with_value(&ctx, 0), move || tx.send(3).unwrap());
        let mut called: Vec<i32> = rx.iter().take(3).collect();
        called.sort();
        assert_eq!(called, [0, 2, 3]);
        assert!(early.iter().all(|stop| !stop.stop()) && !late.stop());
        assert_eq!(rx.recv(), None, "closures are gone");
    });
}

#[test]
fn a_function_is_dropped_with_what_could_have_called_it() {
    let tally = Tally::new();
    let token = tally.token();
    drop(after_func(&background(), move || drop(token)));
    assert_eq!(tally.alive(), 0, "nothing can end the background");
    let (ctx, cancel) = with_cancel(&background());
    let token = tally.token();
    let stop = after_func(&ctx, move || drop(token));
    drop((ctx, cancel));
    assert_eq!(tally.alive(), 1, "the handle has the context");
    drop(stop);
    assert_eq!(tally.alive(), 0);
    assert_eq!(tally.made(), 2);
}

#[test]
fn a_guard_cancels_unless_disarmed() {
    let (ctx, cancel) = with_cancel(&background());
    let cancel = cancel.drop_guard().disarm();
    assert_open(&ctx);
    drop(cancel.clone());
    assert_open(&ctx);
    let unwinding = std::panic::catch_unwind(move || {
        let _guard = cancel.drop_guard();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(unwinding.is_err());
    assert_ended(&ctx, ContextError::Cancelled);
}

#[test]
fn a_receiver_that_outlives_its_context_is_closed() {
    let (ctx, cancel) = with_cancel(&background());
    let done = ctx.done().clone();
    drop(ctx);
    assert!(done.try_recv().unwrap_err().is_empty());
    drop(cancel);
    assert_eq!(done.recv(), None);
}

#[test]
fn a_shutdown_cancels_what_waits_for_its_timers() {
    within(LIMIT, || {
        let runtime = runtime(1);
        let ctx = runtime.run(|| with_timeout(&background(), LONG).0);
        assert_open(&ctx);
        runtime.shutdown(LIMIT).unwrap();
        assert_ended(&ctx, ContextError::Cancelled);
        assert_eq!(cause(&ctx).unwrap().to_string(), "the runtime was shut down");
    });
}

#[test]
fn contexts_have_no_goroutines() {
    on(2, || {
        let before = gort::num_goroutines();
        let all: Vec<_> = (0..1000).map(|_| with_timeout(&background(), LONG)).collect();
        let stops: Vec<_> = all.iter().map(|(ctx, _)| after_func(ctx, || {})).collect();
        assert_eq!(gort::num_goroutines(), before);
        drop((all, stops));
        assert_eq!(gort::num_goroutines(), before);
    });
}

#[test]
fn a_plain_thread_waits_for_a_context() {
    let (ctx, cancel) = with_cancel(&background());
    let woken = AtomicBool::new(false);
    thread::scope(|s| {
        s.spawn(|| {
            assert_eq!(ctx.done().recv(), None);
            woken.store(true, SeqCst);
        });
        assert!(!woken.load(SeqCst));
        cancel.cancel();
    });
    assert!(woken.load(SeqCst));
    let (timed, _) = context::with_timeout(&background(), SOON);
    eventually("timed out", || timed.is_done());
}
