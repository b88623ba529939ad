//! Sleeps and time-outs: never too short, and a message that comes at the last moment is counted once.

use super::Storm;
use crate::ledger::Post;
use crate::random::Random;
use crate::watchdog;
use crate::world::Round;
use gort::chan::{Receiver, Sender, chan};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const STORM: Storm = Storm {
    name: "timers",
    about: "sleeps that are never too short, time-outs against sends",
    run,
};

fn sleeper(mut random: Random) {
    for _ in 0..1 + random.below(20) {
        let duration = random.micros(1500);
        let start = Instant::now();
        match random.below(4) {
            0 => gort::sleep(duration),
            1 => gort::sleep_until(start + duration),
            2 => {
                let after = gort::chan::after(duration);
                let at = after.recv().expect("it fires once");
                assert!(at >= start + duration);
                assert!(after.try_recv().is_err());
            }
            _ => {
                let (_tx, rx) = chan::<()>(0);
                assert!(rx.recv_timeout(duration).is_err());
            }
        }
        assert!(start.elapsed() >= duration, "it slept {:?} of {duration:?}", start.elapsed());
    }
}

type Ends = (Sender<crate::ledger::Message>, Receiver<crate::ledger::Message>);

/// Sends and receives with time-outs that end about when the other side comes.
fn rival(ends: &Ends, post: &Post, mut random: Random, me: usize, count: usize) {
    let (tx, rx) = ends;
    for _ in 0..count {
        let timeout = random.micros(80);
        if me.is_multiple_of(2) {
            match tx.send_timeout(post.write(me), timeout) {
                Ok(()) => post.sent(),
                Err(error) => post.returned(&error.into_inner()),
            }
        } else if random.one_in(2) {
            if let Ok(message) = rx.recv_timeout(timeout) {
                post.received(&message);
            }
        } else {
            let start = Instant::now();
            gort::select! {
                recv(rx) -> message => post.received(&message.expect("nobody closes it")),
                after(timeout) => assert!(start.elapsed() >= timeout),
            }
        }
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let random = &mut round.random;
    let capacity = random.pick(&[0, 0, 1, 4]);
    let (sleepers, rivals) = (random.below(100), 2 + random.below(10));
    let count = 1 + random.below(100);
    watchdog::note(&format!("{sleepers} sleepers, {rivals} rivals, capacity {capacity}"));
    let post = Post::new(rivals * count);
    let ends = chan(capacity);
    let mut handles = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..sleepers {
        let seed = random.fork();
        handles.push(home.spawn(move || sleeper(seed)));
    }
    for me in 0..rivals {
        let (ends, post, seed) = (ends.clone(), Arc::clone(&post), random.fork());
        if plain.len() < threads && random.one_in(4) {
            plain.push(thread::spawn(move || rival(&ends, &post, seed, me, count)));
        } else {
            handles.push(home.spawn(move || rival(&ends, &post, seed, me, count)));
        }
    }
    // Timers that are far away, and go with their runtime.
    let far = home.spawn(|| gort::chan::never::<()>().recv_timeout(Duration::from_millis(2)));
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    assert!(far.join().expect("no panic").is_err());
    let (tx, rx) = ends;
    drop(tx);
    rx.iter().for_each(|message| post.received(&message));
    drop(rx);
    post.close(true);
    home.leave();
}
