//! Join handles from goroutines, threads and futures, at every moment of the goroutine's life.

use super::Storm;
use crate::ledger::{Ledger, Token};
use crate::random::Random;
use crate::world::{OnPurpose, Round, dawdle, panic_on_purpose};
use gort::{JoinHandle, Runtime};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

pub(super) const STORM: Storm =
    Storm { name: "joins", about: "join, poll, drop: goroutines, threads, futures", run };

struct Unpark(Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, SeqCst);
        self.0.unpark();
    }
}

struct Result {
    panics: bool,
    _token: Token,
    _large: [u8; 64],
}

/// What becomes of a handle.
fn settle(mut handle: JoinHandle<Result>, panics: bool, mut random: Random, thread: bool) {
    let check = |result: thread::Result<Result>| match result {
        Ok(result) => assert!(!panics && !result.panics),
        Err(payload) => assert!(panics && payload.is::<OnPurpose>()),
    };
    let poll = |handle: &mut JoinHandle<Result>, waker: &Waker| {
        Pin::new(handle).poll(&mut Context::from_waker(waker))
    };
    for _ in 0..random.below(3) {
        // Polled by somebody who then turns to other things.
        let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicBool::new(false))));
        if let Poll::Ready(result) = poll(&mut handle, &waker) {
            return check(result);
        }
        dawdle(&mut random);
    }
    match random.below(if thread { 5 } else { 4 }) {
        0 => drop(handle),
        1 => {
            while !handle.is_finished() {
                gort::yield_now();
            }
            check(handle.join());
        }
        4 => {
            let unpark = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
            let waker = Waker::from(unpark.clone());
            loop {
                if let Poll::Ready(result) = poll(&mut handle, &waker) {
                    return check(result);
                }
                while !unpark.1.swap(false, SeqCst) {
                    thread::park();
                }
            }
        }
        _ => check(handle.join()),
    }
}

fn start(runtime: &Runtime, ledger: &Ledger, random: &mut Random) -> (JoinHandle<Result>, bool) {
    let panics = random.one_in(4);
    let (token, mut seed) = (ledger.token(), random.fork());
    let handle = runtime.spawn(move || {
        dawdle(&mut seed);
        if panics {
            panic_on_purpose();
        }
        Result { panics, _token: token, _large: [1; 64] }
    });
    (handle, panics)
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let ledger = Ledger::default();
    let random = &mut round.random;
    let mut settling = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..1 + random.below(60) {
        let (handle, panics) = start(&home, &ledger, random);
        let seed = random.fork();
        match random.below(5) {
            0 => settle(handle, panics, seed, true),
            1 if plain.len() < threads => {
                plain.push(thread::spawn(move || settle(handle, panics, seed, true)));
            }
            _ => settling.push(home.spawn(move || settle(handle, panics, seed, false))),
        }
    }
    settling.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    while home.num_goroutines() > 0 {
        thread::yield_now();
    }
    ledger.close();
    home.leave();
}
