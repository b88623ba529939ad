//! Plain threads, goroutines of several runtimes and of the process's, all at once.

use super::Storm;
use crate::ledger::{Ledger, Token};
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle, shut_down};
use gort::Runtime;
use gort::chan::{Receiver, Sender, chan};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub(super) const STORM: Storm =
    Storm { name: "mixed", about: "threads and several runtimes: run, spawn, join, channels", run };

/// What is passed around: at each hop a number less, and at the end counted.
struct Ball {
    hops: usize,
    _token: Token,
}

struct Field {
    runtimes: Vec<Runtime>,
    ends: Vec<(Sender<Ball>, Receiver<Ball>)>,
    done: Sender<()>,
    ledger: Ledger,
}

/// Takes balls from one place and passes them on to another, until the places are closed.
fn play(field: &Field, mut random: Random) {
    loop {
        let at = random.below(field.ends.len());
        let rx = &field.ends[at].1;
        let other = &field.ends[random.below(field.ends.len())].1;
        let ball = gort::select! {
            recv(rx) -> ball => ball,
            recv(other) -> ball => ball,
            // A ball may lie at a third place.
            after(Duration::from_micros(300)) => continue,
        };
        let Some(mut ball) = ball else { return };
        if ball.hops == 0 {
            drop(ball);
            let _ = field.done.send(());
            continue;
        }
        ball.hops -= 1;
        let runtime = &field.runtimes[random.below(field.runtimes.len())];
        let tx = field.ends[random.below(field.ends.len())].0.clone();
        let mut seed = random.fork();
        let pass = move || {
            dawdle(&mut seed);
            // The places are only closed when all balls are counted.
            assert!(tx.send(ball).is_ok());
        };
        match random.below(6) {
            0 => drop(runtime.spawn(pass)),
            1 => drop(gort::spawn(pass)),
            2 => {
                let token = field.ledger.token();
                let back = runtime.spawn(move || token).join();
                drop(back);
                drop(gort::spawn(pass));
            }
            3 => {
                let borrowed = field.ledger.token();
                runtime.run(|| {
                    gort::yield_now();
                    let _ = &borrowed;
                });
                drop(runtime.spawn(pass));
            }
            4 => {
                let borrowed = field.ledger.token();
                gort::scope(|s| {
                    s.go(|| {
                        let _ = &borrowed;
                    });
                });
                drop(runtime.spawn(pass));
            }
            _ => gort::go!(pass),
        }
    }
}

fn run(round: &mut Round<'_>) {
    let runtimes: Vec<_> = (0..1 + round.random.below(3)).map(|_| round.runtime()).collect();
    let threads = round.threads();
    let random = &mut round.random;
    let ends: Vec<_> = (0..1 + random.below(4)).map(|_| chan(random.pick(&[0, 1, 4]))).collect();
    let (done, all_done) = chan(20);
    let ledger = Ledger::default();
    let players = 1 + random.below(10);
    let balls = 1 + random.below(20);
    watchdog::note(&format!("{players} players, {balls} balls, {} places", ends.len()));
    let field = Arc::new(Field { runtimes, ends, done, ledger: ledger.clone() });
    let mut plain = Vec::new();
    let mut handles = Vec::new();
    for n in 0..players {
        let (mine, seed) = (field.clone(), random.fork());
        if n < threads && random.one_in(3) {
            plain.push(thread::spawn(move || play(&mine, seed)));
        } else {
            let at = random.below(field.runtimes.len());
            handles.push(field.runtimes[at].spawn(move || play(&mine, seed)));
        }
    }
    for _ in 0..balls {
        let ball = Ball { hops: random.below(60), _token: ledger.token() };
        let at = random.below(field.ends.len());
        assert!(field.ends[at].0.send(ball).is_ok());
    }
    (0..balls).for_each(|_| all_done.recv().expect("all are counted"));
    field.ends.iter().for_each(|(tx, _)| tx.close());
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let field = Arc::into_inner(field).expect("all players have gone");
    field.runtimes.into_iter().for_each(shut_down);
    drop(field.ends);
    ledger.close();
}
