//! Goroutines that stay on their thread: locked, local, or with pointers into its storage.

#![cfg(not(feature = "threads"))] // where every goroutine has a thread of its own
#![expect(clippy::disallowed_macros, reason = "thread-locals are what is tested")]
#![allow(
    clippy::missing_const_for_thread_local,
    reason = "clippy does not see it where they are kept by key"
)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")] // elsewhere std keeps such values in the heap
mod audit;
mod checked;
mod local;
mod locked;

use gort::JoinHandle;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{on, yield_until};

/// Waits until it has gone on on another thread than it was on, at most so often.
fn wander(most: usize) -> bool {
    let before = thread::current().id();
    (0..most).any(|_| {
        gort::yield_now();
        thread::current().id() != before
    })
}

/// Waits until it has gone on on another thread than it was on.
#[track_caller]
fn wander_off() {
    yield_until("on another thread", {
        let before = thread::current().id();
        move || thread::current().id() != before
    });
}

/// Goroutines that give their processors to other threads all the time: who runs there moves along.
struct Traffic {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl Traffic {
    fn start() -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let drive = |_| {
            let stop = stop.clone();
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    gort::blocking(|| thread::sleep(Duration::from_micros(20)));
                }
            })
        };
        let handles = (0..4).map(drive).collect();
        Traffic { stop, handles }
    }

    fn end(self) {
        self.stop.store(true, SeqCst);
        self.handles.into_iter().for_each(|handle| handle.join().unwrap());
    }
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn goroutines_wander_if_nothing_keeps_them() {
    on(2, || {
        let traffic = Traffic::start();
        wander_off();
        let builder = gort::Builder::new().stack_size(100_000); // which is rounded up
        builder.spawn(wander_off).unwrap().join().unwrap();
        traffic.end();
    });
}
