//! Goroutines that panic, and block in their destructors while they unwind; all others go on.

use super::Storm;
use crate::ledger::{Ledger, Message, Post};
use crate::random::Random;
use crate::world::{Round, dawdle, panic_on_purpose};
use gort::chan::{Receiver, Sender, chan};
use gort::sync::WaitGroup;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

pub(super) const STORM: Storm =
    Storm { name: "panics", about: "panics with destructors that block in every way", run };

#[derive(Clone)]
struct Surroundings {
    tx: Sender<Message>,
    rx: Receiver<Message>,
    post: Arc<Post>,
    ledger: Ledger,
}

/// Blocks when it is dropped.
struct Blocks(Surroundings, Random, usize);

impl Drop for Blocks {
    fn drop(&mut self) {
        let Blocks(around, random, me) = self;
        assert!(thread::panicking());
        match random.below(8) {
            0 => {
                let message = around.post.write(*me);
                match around.tx.send(message) {
                    Ok(()) => around.post.sent(),
                    Err(error) => around.post.returned(&error.0),
                }
            }
            1 => {
                if let Ok(message) = around.rx.recv_timeout(random.micros(300)) {
                    around.post.received(&message);
                }
            }
            2 => gort::sleep(random.micros(300)),
            3 => {
                let (mut seed, token) = (random.fork(), around.ledger.token());
                let handle = gort::spawn(move || {
                    dawdle(&mut seed);
                    drop(token);
                });
                handle.join().expect("no panic");
            }
            4 => {
                let borrowed = around.ledger.token();
                gort::scope(|s| {
                    s.go(|| {
                        gort::yield_now();
                        assert!(!thread::panicking(), "{borrowed:?}");
                    });
                });
            }
            5 => {
                let group = WaitGroup::new();
                group.go(gort::yield_now);
                group.wait();
            }
            6 => {
                let flag = Arc::new(AtomicBool::new(false));
                let set = flag.clone();
                gort::go!(move || set.store(true, SeqCst));
                while !flag.load(SeqCst) {
                    gort::yield_now();
                }
            }
            _ => {
                let inner = around.clone();
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _token = inner.ledger.token();
                    gort::yield_now();
                    panic_on_purpose();
                }));
                assert!(caught.is_err());
            }
        }
        assert!(thread::panicking());
    }
}

fn unfortunate(around: Surroundings, mut random: Random, me: usize) {
    let _token = around.ledger.token();
    dawdle(&mut random);
    let _second = Blocks(around.clone(), random.fork(), me);
    let _first = Blocks(around.clone(), random.fork(), me);
    dawdle(&mut random);
    assert!(!thread::panicking());
    panic_on_purpose();
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let random = &mut round.random;
    let count = 1 + random.below(60);
    let (tx, rx) = chan(random.pick(&[0, 1, 8]));
    let post = Post::new(2 * count);
    let around = Surroundings { tx, rx, post: post.clone(), ledger: Ledger::default() };
    let ledger = around.ledger.clone();
    let stop = Arc::new(AtomicBool::new(false));
    // Some who look whether they are panicking, and take messages.
    let watchers: Vec<_> = (0..3)
        .map(|_| {
            let (rx, post, stop) = (around.rx.clone(), post.clone(), stop.clone());
            let mut random = random.fork();
            home.spawn(move || {
                while !stop.load(SeqCst) {
                    assert!(!thread::panicking(), "somebody else's panic");
                    if let Ok(message) = rx.recv_timeout(random.micros(200)) {
                        post.received(&message);
                    }
                }
            })
        })
        .collect();
    let group = WaitGroup::new();
    let mut handles = Vec::new();
    for me in 0..count {
        let (around, seed) = (around.clone(), random.fork());
        if random.one_in(2) {
            handles.push(home.spawn(move || unfortunate(around, seed, me)));
        } else {
            let group = group.clone();
            group.add(1);
            drop(home.spawn(move || {
                struct Done(WaitGroup);
                impl Drop for Done {
                    fn drop(&mut self) {
                        self.0.done();
                    }
                }
                let _done = Done(group);
                unfortunate(around, seed, me);
            }));
        }
    }
    handles.into_iter().for_each(|handle| assert!(handle.join().is_err()));
    group.wait();
    stop.store(true, SeqCst);
    watchers.into_iter().for_each(|watcher| watcher.join().expect("no panic"));
    around.rx.try_iter().for_each(|message| post.received(&message));
    drop(around);
    while home.num_goroutines() > 0 {
        thread::yield_now();
    }
    post.close(true);
    ledger.close();
    home.leave();
}
