//! Runtimes that are started, filled with goroutines in all states, and shut down in all ways.

use super::Storm;
use crate::ledger::{Ledger, Token};
use crate::random::Random;
use crate::watchdog;
use crate::world::{PATIENCE, Round, dawdle, panic_on_purpose, shut_down};
use gort::JoinHandle;
use gort::chan::{Receiver, Sender, chan, never};
use gort::select::Select;
use gort::sync::WaitGroup;
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

pub(super) const STORM: Storm =
    Storm { name: "lifecycle", about: "runtimes shut down with goroutines in all states", run };

gort::goroutine_local! {
    static KEPT: RefCell<Vec<Token>> = const { RefCell::new(Vec::new()) };
}

/// Blocks for a moment when dropped, in a shutdown, too.
struct Lingers {
    _token: Token,
    random: Random,
}

impl Drop for Lingers {
    fn drop(&mut self) {
        match self.random.below(4) {
            0 => gort::sleep(self.random.micros(100)),
            1 => gort::yield_now(),
            2 => drop(never::<()>().recv_timeout(self.random.micros(100))),
            _ => {}
        }
    }
}

#[derive(Clone)]
struct Surroundings {
    ledger: Ledger,
    tx: Sender<Token>,
    rx: Receiver<Token>,
    group: WaitGroup,
}

/// Lives until the shutdown, or not so long.
fn live(around: Surroundings, mut random: Random) {
    let ledger = &around.ledger;
    let token = ledger.token();
    dawdle(&mut random);
    let _lingers =
        random.one_in(2).then(|| Lingers { _token: ledger.token(), random: random.fork() });
    if random.one_in(3) {
        KEPT.with_borrow_mut(|kept| kept.push(ledger.token()));
    }
    match random.below(17) {
        0 => gort::sleep(Duration::MAX),
        1 => drop(around.tx.send(token)),
        2 => drop(around.rx.recv()),
        3 => {
            let (rx, tx) = (&around.rx, &around.tx);
            gort::select! {
                recv(rx) -> _ => {}
                send(tx, token) -> _ => {}
            }
        }
        4 => loop {
            gort::yield_now();
        },
        5 => loop {
            let (tx, rx) = chan(1);
            tx.send(ledger.token()).expect("it is open");
            drop(rx.recv());
            if random.one_in(50) {
                // A slice of 10 ms each would be the end of all short rounds.
                gort::yield_now();
            }
        },
        6 => {
            let seed = random.fork();
            let around = around.clone();
            let _ = gort::spawn(move || live(around, seed)).join();
        }
        7 => {
            let borrowed = &token;
            gort::scope(|s| {
                for _ in 0..random.below(4) {
                    let mut random = random.fork();
                    s.go(move || {
                        let _inner = borrowed.clone_in();
                        dawdle(&mut random);
                        if random.one_in(2) {
                            gort::sleep(Duration::MAX);
                        }
                    });
                }
            });
        }
        8 => gort::run(|| {
            let _both = (&token, ledger.token());
            if random.one_in(2) {
                never::<()>().recv();
            }
        }),
        9 => around.group.wait(),
        10 => {
            let _lingers = Lingers { _token: ledger.token(), random: random.fork() };
            panic_on_purpose();
        }
        11 => {
            for _ in 0..random.below(100) {
                let token = ledger.token();
                gort::go!(move || drop(token));
            }
        }
        12 => drop(gort::spawn(|| gort::spawn(|| never::<()>().recv()).join())),
        13 => (0..random.below(20_000)).for_each(|_| std::hint::spin_loop()),
        14 => gort::sleep(random.micros(2000)),
        15 => {
            // So many arms that they stay with the channel from one run to the next.
            let mut select = Select::new();
            (0..20).for_each(|_| _ = select.recv(&around.rx));
            loop {
                drop(select.select().recv(&around.rx));
            }
        }
        _ => {}
    }
}

impl Token {
    /// Another token of the same ledger.
    fn clone_in(&self) -> Token {
        self.ledger().token()
    }
}

fn run(round: &mut Round<'_>) {
    let runtime = Arc::new(round.runtime());
    let threads = round.threads();
    let random = &mut round.random;
    let ledger = Ledger::default();
    let (tx, rx) = chan(random.pick(&[0, 1, 16]));
    let group = WaitGroup::new();
    group.add(1);
    let around = Surroundings { ledger: ledger.clone(), tx, rx, group };
    let count = random.below(120);
    let mut handles: Vec<JoinHandle<()>> = Vec::new();
    let spawn = |random: &mut Random| {
        let (around, seed, token) = (around.clone(), random.fork(), ledger.token());
        let large = [0_u8; 100];
        let padding = random.one_in(2).then_some(large);
        runtime.spawn(move || {
            let _held = (token, padding);
            live(around, seed);
        })
    };
    for _ in 0..count {
        let handle = spawn(random);
        if random.one_in(2) {
            handles.push(handle);
        }
    }
    if random.one_in(2) {
        thread::sleep(random.micros(1500));
    }
    // A few more at the last moment: some have not started when the end comes.
    for _ in 0..random.below(20) {
        handles.push(spawn(random));
    }
    // Some who wait for it all from outside.
    let mut outside = Vec::new();
    for _ in 0..random.below(threads + 1) {
        if let Some(handle) = handles.pop() {
            outside.push(thread::spawn(move || drop(handle.join())));
        }
    }
    for handle in &mut handles {
        if random.one_in(4) {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = Pin::new(&mut *handle).poll(&mut cx) {
                drop(result);
                // One that has given its result may not be joined.
                *handle = runtime.spawn(|| ());
            }
        }
    }
    let way = random.below(4);
    watchdog::note(&format!("{count} goroutines, way {way}"));
    let late = random.one_in(2);
    if !late {
        join_all(&mut handles, random, 4);
    }
    if end(runtime, way).is_none() {
        // It is being shut down by one of its goroutines: its handles tell when that is over.
        join_all(&mut handles, random, 1);
        outside.into_iter().for_each(|thread| thread.join().expect("no panic"));
        drop(around);
        return wait_for(&ledger);
    }
    join_all(&mut handles, random, 1);
    outside.into_iter().for_each(|thread| thread.join().expect("no panic"));
    drop(around);
    ledger.close();
}

/// Joins or drops some of the handles, on this thread.
fn join_all(handles: &mut Vec<JoinHandle<()>>, random: &mut Random, one_in: usize) {
    let all = std::mem::take(handles);
    for handle in all {
        if one_in > 1 {
            // Only those that do not block for ever.
            if handle.is_finished() && random.one_in(one_in) {
                drop(handle.join());
            } else {
                handles.push(handle);
            }
        } else if random.one_in(2) {
            drop(handle);
        } else {
            drop(handle.join());
        }
    }
}

/// Ends the runtime. `None`: it may still be at it.
fn end(runtime: Arc<gort::Runtime>, way: usize) -> Option<()> {
    match way {
        0 => drop(runtime),
        1 => shut_down(Arc::into_inner(runtime)?),
        2 => {
            let runtime = Arc::into_inner(runtime)?;
            thread::spawn(move || shut_down(runtime)).join().expect("no panic");
        }
        _ => {
            // By one of its own goroutines.
            let (tx, rx) = chan::<gort::Runtime>(1);
            let handle = runtime.spawn(move || {
                let runtime = rx.recv().expect("it is sent");
                runtime.shutdown(PATIENCE).expect("it only begins");
            });
            tx.send(Arc::into_inner(runtime)?).expect("it is waited for");
            handle.join().expect("no panic");
            return None;
        }
    }
    Some(())
}

fn wait_for(ledger: &Ledger) {
    while !ledger.is_closed() {
        thread::sleep(Duration::from_micros(100));
    }
}
