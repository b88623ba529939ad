//! Timers and calls to come, stopped and set anew by many while they are due: each call is made once or
//! stopped, and what a timer sends is as new as its last reset.

use super::Storm;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle};
use gort::time::{AfterFunc, Timer, after_func};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

pub(super) const STORM: Storm =
    Storm { name: "calls", about: "after_func and Timer: stop and reset while they are due", run };

struct Call {
    handle: AfterFunc,
    made: Arc<AtomicUsize>,
    stopped: AtomicUsize,
}

fn meddle(calls: &[Call], timer: &Timer, mut random: Random, steps: usize) {
    for _ in 0..steps {
        if random.one_in(4) {
            let time = random.micros(100);
            timer.reset(time);
            if let Ok(due) = timer.receiver().recv_timeout(2 * time) {
                assert!(due <= Instant::now(), "it is received too early");
            }
            continue;
        }
        let call = &calls[random.below(calls.len())];
        if random.one_in(3) {
            if call.handle.stop() {
                call.stopped.fetch_add(1, SeqCst);
                assert!(!call.handle.stop());
            }
        } else {
            call.handle.reset(random.micros(300));
        }
        dawdle(&mut random);
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let random = &mut round.random;
    let (number, members, steps) =
        (1 + random.below(50), 1 + random.below(6), 1 + random.below(100));
    watchdog::note(&format!("{number} calls, {members} members, {steps} steps"));
    let ledger = Ledger::default();
    let times: Vec<_> = (0..number).map(|_| random.micros(1000)).collect();
    let make = {
        let ledger = ledger.clone();
        move || {
            let calls = times.into_iter().map(|time| {
                let made = Arc::new(AtomicUsize::new(0));
                let (counter, token) = (made.clone(), ledger.token());
                let handle = after_func(time, move || {
                    drop(token);
                    counter.fetch_add(1, SeqCst);
                });
                Call { handle, made, stopped: AtomicUsize::new(0) }
            });
            Arc::new((calls.collect::<Vec<_>>(), Timer::new(Duration::MAX)))
        }
    };
    let shared = home.run(make);
    let meddler = |seed: Random| {
        let shared = shared.clone();
        move || meddle(&shared.0, &shared.1, seed, steps)
    };
    let mut handles = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..members {
        let seed = random.fork();
        if plain.len() < threads && random.one_in(4) {
            plain.push(thread::spawn(meddler(seed)));
        } else {
            handles.push(home.spawn(meddler(seed)));
        }
    }
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    for call in &shared.0 {
        // It is soon due, or over.
        while call.made.load(SeqCst) + call.stopped.load(SeqCst) == 0 {
            thread::yield_now();
        }
    }
    home.leave();
    for call in &shared.0 {
        assert_eq!(call.made.load(SeqCst) + call.stopped.load(SeqCst), 1, "called, or stopped");
    }
    drop(shared);
    while !ledger.is_closed() {
        thread::yield_now(); // in the lasting runtime the last one may just be ending
    }
    ledger.close();
}
