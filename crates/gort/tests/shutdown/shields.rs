//! Who is interrupted by a shutdown, of those that were started by one who is not.

use crate::support::{self, LIMIT, OnDrop, assert_success, child, in_child, runtime, within};
use gort::chan::{Sender, chan, never};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

/// The first that a destructor waits for, while its goroutine panics, has been started in it, and is ended by a shutdown.
#[test]
fn destructors_of_a_panic_that_wait_for_others_when_the_end_comes() {
    if in_child() {
        // A second panic in a destructor would abort the process.
        gort::set_panic_handler(|_| ());
        fn limited() {
            let _ended = gort::time::timeout(LIMIT, || never::<()>().recv());
        }
        fn in_a_scope(begun: &Sender<()>) {
            gort::scope(|s| {
                let begun = begun.clone();
                s.go(move || waits(&begun));
            });
        }
        fn waits(begun: &Sender<()>) {
            begun.send(()).unwrap();
            // Not for ever: who is waited for here is not interrupted.
            gort::sleep(Duration::from_millis(20));
        }
        let ways: [fn(&Sender<()>); 5] = [
            in_a_scope,
            |begun| gort::run(|| waits(begun)),
            |begun| gort::run(|| in_a_scope(begun)),
            |begun| {
                begun.send(()).unwrap();
                limited();
            },
            |begun| {
                let begun = begun.clone();
                let forever = move || {
                    begun.send(()).unwrap();
                    never::<()>().recv();
                };
                assert!(gort::time::timeout(LIMIT, forever).is_err());
            },
        ];
        return within(LIMIT, move || {
            for way in ways {
                let runtime = runtime(2);
                let (begun, has_begun) = chan(1);
                let handle = runtime.spawn(move || {
                    let _waits = OnDrop(|| way(&begun));
                    resume_unwind(Box::new("its own"));
                });
                has_begun.recv().unwrap();
                runtime.shutdown(LIMIT / 2).unwrap();
                let payload = handle.join().unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&"its own"));
            }
        });
    }
    let test = "shields::destructors_of_a_panic_that_wait_for_others_when_the_end_comes";
    assert_success(&child(test, |_| {}));
}

/// Who is started in code that a shutdown does not interrupt ends by one like all others.
#[test]
fn what_a_panic_handler_or_a_waker_starts_is_ended() {
    fn starts(begun: &Sender<()>) {
        let begun = begun.clone();
        gort::go!(move || {
            gort::go!(move || {
                begun.send(()).unwrap();
                never::<()>().recv();
            });
            never::<()>().recv();
        });
    }
    if in_child() {
        return within(LIMIT, || {
            let (begun, has_begun) = chan(0);
            let by_handler = begun.clone();
            gort::set_panic_handler(move |_| starts(&by_handler));
            let runtime = runtime(1);
            runtime.run(|| gort::go!(|| resume_unwind(Box::new("reported"))));
            has_begun.recv().unwrap();
            runtime.run(move || {
                let (tx, rx) = chan::<()>(0);
                let mut receiving = pin!(rx.recv_async());
                let waker = support::waker(move || starts(&begun));
                let polled = receiving.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                drop(tx);
            });
            has_begun.recv().unwrap();
            // A sentinel, which has waited before.
            let (begun, has_begun) = chan(0);
            drop(runtime.spawn(move || {
                let _sentinel = OnDrop(|| {
                    gort::sleep(Duration::from_millis(1));
                    starts(&begun);
                });
                resume_unwind(Box::new("replaced"));
            }));
            has_begun.recv().unwrap();
            runtime.shutdown(LIMIT / 2).unwrap();
        });
    }
    let test = "shields::what_a_panic_handler_or_a_waker_starts_is_ended";
    assert_success(&child(test, |_| {}));
}
