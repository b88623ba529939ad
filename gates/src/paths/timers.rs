//! Timers and contexts, most of which end before their time.

use super::{FEW, Path, Place, path};
use crate::clock;
use gort::context::{background, with_cancel, with_timeout};
use gort::time::{Timer, after_func};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(4);

pub(super) const PATHS: &[Path] = &[
    path("timer.stop", "a Timer made, stopped and dropped", |n| {
        for _ in 0..n {
            assert!(Timer::new(LONG).stop());
        }
    }),
    path("timer.reset", "a Timer that is on set anew", |n| {
        let timer = Timer::new(LONG);
        for _ in 0..n {
            assert!(timer.reset(LONG));
        }
    }),
    path("after_func.stop", "a call to come made and stopped", |n| {
        for _ in 0..n {
            assert!(after_func(LONG, || ()).stop());
        }
    }),
    path("after_func.reset", "a call to come set anew", |n| {
        let call = after_func(LONG, || ());
        for _ in 0..n {
            assert!(call.reset(LONG));
        }
    }),
    path("after_func.due", "a call that is due at once, let run by yield_now", |n| {
        for _ in 0..n {
            after_func(Duration::ZERO, || ());
            gort::yield_now();
        }
    }),
    path("context.cancel", "a context made and cancelled", |n| {
        let parent = background();
        for _ in 0..n {
            let (context, cancel) = with_cancel(&parent);
            cancel.cancel();
            assert!(context.is_done());
        }
    }),
    path("context.timeout", "a context with a timeout made and cancelled", |n| {
        let parent = background();
        for _ in 0..n {
            let (context, cancel) = with_timeout(&parent, LONG);
            cancel.cancel();
            assert!(context.is_done());
        }
    }),
    path("context.is_done", "a look at a context that goes on", |n| {
        let (context, _cancel) = with_timeout(&background(), LONG);
        for _ in 0..n {
            assert!(!context.is_done());
        }
    }),
    path(
        "context.wait",
        "a receive that a context's end would end, and a message ends; with yield_now",
        |n| {
            wait_with_context(n);
        },
    ),
    path("sleep.busy", "sleep, and another goroutine runs when the time is up", |n| {
        let other = gort::spawn(move || (0..n).for_each(|_| gort::sleep(SHORT)));
        while !other.is_finished() {
            gort::yield_now();
            clock::advance(SHORT);
        }
    }),
    Path {
        name: "sleep.alone",
        about: "sleep, and the machine has nothing else to do: it sleeps, too",
        place: Place::Time,
        most: FEW,
        run: |n| {
            for _ in 0..n {
                gort::sleep(SHORT);
            }
        },
    },
];

/// A goroutine waits for the end of a context or a message, `n` times, and gets the message.
fn wait_with_context(n: usize) {
    let (context, _cancel) = with_timeout(&background(), LONG);
    let (tx, rx) = gort::chan::chan(0);
    let receiver = gort::spawn(move || {
        for _ in 0..n {
            gort::select! {
                recv(rx) -> message => message.expect("a message"),
                recv(context.done()) -> _ => panic!("not within the hour"),
            }
        }
    });
    for _ in 0..n {
        gort::yield_now();
        tx.send(()).expect("it is awaited");
    }
    receiver.join().expect("it receives");
}
