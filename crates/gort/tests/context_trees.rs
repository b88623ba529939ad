//! Contexts by the thousand: trees that are cancelled, derived from and dropped, and what is left of them.

mod support;

use gort::context::{
    Context, ContextError, after_func, background, cause, with_cancel, with_cancel_cause,
    with_timeout, with_value, without_cancel,
};
use gort::sync::WaitGroup;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{task, thread};
use support::{Tally, on, waker};

const LONG: Duration = Duration::from_secs(3600);

/// The list of children is seen through the memory of those who wait to be cancelled.
#[test]
fn children_leave_no_trace_in_their_parent() {
    let tally = Tally::new();
    let (parent, cancel) = with_cancel(&background());
    for n in 0..1000 {
        let ctx = with_value(&parent, tally.token());
        let (child, cancel_child) = with_cancel(&ctx);
        let (timed, _) = with_timeout(&child, LONG);
        drop(after_func(&timed, || ()));
        if n % 2 == 0 {
            cancel_child.cancel();
        }
    }
    assert_eq!(tally.alive(), 0);
    cancel.cancel();
}

#[test]
fn a_chain_of_100_000_is_cancelled_and_dropped_without_recursion() {
    let small = thread::Builder::new().stack_size(64 << 10);
    let body = || {
        let (top, cancel) = with_cancel(&background());
        let mut all = vec![top.clone()];
        for n in 0..100_000 {
            let last = all.last().unwrap();
            let next = if n % 4 == 0 { with_value(last, n) } else { with_cancel(last).0 };
            all.push(next);
        }
        cancel.cancel();
        assert!(all.iter().all(Context::is_done));
        let last = all.pop();
        drop(all);
        drop((top, cancel));
        drop(last);
        let mut deep = background();
        for _ in 0..100_000 {
            deep = with_cancel(&deep).0;
        }
        drop(deep);
    };
    small.spawn(body).unwrap().join().unwrap();
}

#[test]
fn a_tree_of_100_000_is_cancelled_at_once() {
    let (top, cancel) = with_cancel(&background());
    let mut all = Vec::new();
    for _ in 0..100 {
        let (branch, _) = with_cancel(&top);
        for _ in 0..1000 {
            all.push(with_cancel(&branch).0);
        }
        all.push(branch);
    }
    cancel.cancel();
    assert!(all.iter().all(Context::is_done));
}

/// The last handles of two contexts go while these are ended, and with them values whose destructors panic.
#[test]
fn values_that_panic_keep_nobody_from_being_cancelled() {
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(self.0);
        }
    }
    let (root, cancel) = with_cancel(&background());
    let last_handles = [1, 2].map(|number| {
        let (bombed, _) = with_cancel(&with_value(&root, Bomb(number)));
        let done = bombed.done().clone();
        let kept = Arc::new(Mutex::new(Some(bombed)));
        let given_up = kept.clone();
        (done, kept, waker(move || drop(given_up.lock().unwrap().take())))
    });
    let mut waits = last_handles.each_ref().map(|(done, ..)| Box::pin(done.recv_async()));
    for (wait, (.., waker)) in waits.iter_mut().zip(&last_handles) {
        assert!(wait.as_mut().poll(&mut task::Context::from_waker(waker)).is_pending());
    }
    let (other, _) = with_cancel(&root);
    let (below, _) = with_cancel(&other);
    let payload = catch_unwind(AssertUnwindSafe(|| cancel.cancel())).unwrap_err();
    assert_eq!(payload.downcast_ref::<u32>(), Some(&1), "the first goes on");
    assert!(last_handles.iter().all(|(_, kept, _)| kept.lock().unwrap().is_none()));
    assert!(root.is_done() && other.is_done() && below.is_done());
}

/// Go's `TestLayersCancel`: layers of all kinds, cancelled in the middle, in an order by the seed.
#[test]
fn layers_in_random_order() {
    let mut seed = 42_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..200 {
        let mut layers = vec![(background(), None, None)];
        for n in 0..30_u64 {
            let parent = layers[random(layers.len() as u64) as usize].0.clone();
            layers.push(match random(4) {
                0 => {
                    let (ctx, cancel) = with_cancel(&parent);
                    (ctx, Some(cancel), None)
                }
                1 => {
                    let (ctx, cancel) = with_timeout(&parent, LONG);
                    (ctx, Some(cancel), None)
                }
                2 => (without_cancel(&parent), None, None),
                _ => (with_value(&parent, n), None, Some(n)),
            });
        }
        let mut order: Vec<usize> = (0..layers.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, random(i as u64 + 1) as usize);
        }
        for &index in &order[..20] {
            let (ctx, cancel, value) = &layers[index];
            let before: Vec<bool> = layers.iter().map(|layer| layer.0.is_done()).collect();
            if let Some(value) = value {
                assert_eq!(ctx.value(), Some(value), "round {round}");
            }
            let Some(cancel) = cancel else { continue };
            cancel.cancel();
            assert_eq!(ctx.err(), Some(ContextError::Cancelled), "{ctx:?}");
            assert!(ctx.is_done() && cause(ctx).is_some());
            assert_eq!(ctx.done().recv(), None);
            for (layer, before) in layers.iter().zip(before) {
                assert!(!before || layer.0.is_done(), "it has ended for good");
            }
            assert!(!layers[0].0.is_done());
        }
    }
}

#[test]
fn many_cancel_and_derive_at_the_same_time() {
    on(2, || {
        for _round in 0..100 {
            let (top, cancel) = with_cancel_cause(&background());
            let group = WaitGroup::new();
            let called = Arc::new(AtomicUsize::new(0));
            let stopped = Arc::new(AtomicUsize::new(0));
            for n in 0..8_u32 {
                let (top, cancel) = (top.clone(), cancel.clone());
                let (called, stopped) = (called.clone(), stopped.clone());
                let inner = group.clone();
                group.go(move || {
                    for turn in 0..20 {
                        let (child, cancel_child) = with_timeout(&top, LONG);
                        let called = called.clone();
                        inner.add(1);
                        let done = inner.clone();
                        let stop = after_func(&child, move || {
                            called.fetch_add(1, SeqCst);
                            done.done();
                        });
                        match (n + turn) % 4 {
                            0 => cancel_child.cancel(),
                            1 if stop.stop() => {
                                stopped.fetch_add(1, SeqCst);
                                inner.done();
                            }
                            2 if turn > 10 => cancel.cancel("enough"),
                            _ => gort::yield_now(),
                        }
                        if (n + turn) % 4 != 0 {
                            // It is called when the whole tree ends.
                            std::mem::forget(child);
                        }
                    }
                });
            }
            group.go(move || {
                gort::yield_now();
                cancel.cancel("enough");
            });
            group.wait();
            assert_eq!(called.load(SeqCst) + stopped.load(SeqCst), 160);
            assert_eq!(cause(&top).unwrap().to_string(), "enough");
        }
    });
}
