//! Shutting a runtime down: everything in it ends, and is dropped exactly once.
#![allow(clippy::disallowed_macros, reason = "thread-locals have destructors, too")]
#![allow(
    clippy::missing_const_for_thread_local,
    reason = "clippy does not see it where they are kept by key"
)]

#[path = "../support/mod.rs"]
mod support;

mod afterwards;
mod begun;
mod destructors;
#[cfg(target_os = "linux")]
mod nothing_left;
mod shields;
mod unwound;

use crate::support::{Tally, Token, eventually};
use gort::{JoinHandle, Runtime, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Starts `count` goroutines that hold a token each and do `f`, and waits until they are at it.
fn start(
    runtime: &Runtime,
    tally: &Tally,
    count: usize,
    f: impl Fn(Token) + Clone + Send + 'static,
) -> Vec<JoinHandle<()>> {
    let there = Arc::new(AtomicUsize::new(0));
    let handles = (0..count)
        .map(|_| {
            let (token, f, there) = (tally.token(), f.clone(), there.clone());
            runtime.spawn(move || {
                there.fetch_add(1, SeqCst);
                f(token);
            })
        })
        .collect();
    eventually("all have started", || there.load(SeqCst) == count);
    handles
}

#[track_caller]
fn all_shut_down(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        assert!(handle.join().unwrap_err().is::<Shutdown>());
    }
}
