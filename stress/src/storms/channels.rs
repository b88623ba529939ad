//! Channels of all capacities between goroutines and threads: each message arrives once, or comes
//! back, or is dropped, whoever closes, panics, gives up or goes away in between.

use super::Storm;
use crate::ledger::{Message, Post};
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle, panic_on_purpose};
use gort::chan::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, chan,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

pub(super) const STORM: Storm =
    Storm { name: "channels", about: "senders and receivers, time-outs, close, panics", run };

/// What may happen in a round.
#[derive(Clone, Copy, Debug)]
struct Weather {
    /// Somebody closes the channel by hand.
    close: bool,
    /// Receivers leave before the end.
    leave: bool,
    /// Senders and receivers panic.
    panics: bool,
    /// Futures are polled and dropped.
    futures: bool,
}

fn send_once(
    tx: &Sender<Message>,
    post: &Post,
    random: &mut Random,
    me: usize,
    weather: Weather,
) -> bool {
    let message = post.write(me);
    let back = match random.below(if weather.futures { 6 } else { 5 }) {
        0 => match tx.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(message)) => Some((message, true)),
            Err(TrySendError::Closed(message)) => Some((message, false)),
        },
        1 => match tx.send_timeout(message, random.micros(60)) {
            Ok(()) => None,
            Err(SendTimeoutError::Timeout(message)) => Some((message, true)),
            Err(SendTimeoutError::Closed(message)) => Some((message, false)),
        },
        5 => {
            // Counted before, as it may go while the future is dropped.
            post.sent();
            let mut future = pin!(tx.send_async(message));
            let mut polls = random.below(4);
            let mut cx = Context::from_waker(Waker::noop());
            loop {
                match future.as_mut().poll(&mut cx) {
                    Poll::Ready(Ok(())) => return true,
                    Poll::Ready(Err(error)) => {
                        post.returned(&error.0);
                        return false;
                    }
                    Poll::Pending if polls == 0 => return true,
                    Poll::Pending => polls -= 1,
                }
                dawdle(random);
            }
        }
        _ => tx.send(message).err().map(|error| (error.0, false)),
    };
    match back {
        None => post.sent(),
        Some((message, go_on)) => {
            post.returned(&message);
            return go_on;
        }
    }
    true
}

/// Receives one message, or none. `Err`: the channel has ended.
fn receive_once(
    rx: &Receiver<Message>,
    random: &mut Random,
    weather: Weather,
) -> Result<Option<Message>, ()> {
    match random.below(if weather.futures { 6 } else { 5 }) {
        0 => match rx.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => {
                gort::yield_now();
                Ok(None)
            }
            Err(TryRecvError::Closed) => Err(()),
        },
        1 => match rx.recv_timeout(random.micros(60)) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Closed) => Err(()),
        },
        5 => {
            let mut future = pin!(rx.recv_async());
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..1 + random.below(3) {
                match future.as_mut().poll(&mut cx) {
                    Poll::Ready(message) => return message.map(Some).ok_or(()),
                    Poll::Pending => dawdle(random),
                }
            }
            Ok(None)
        }
        _ => rx.recv().map(Some).ok_or(()),
    }
}

fn sender(
    tx: &Sender<Message>,
    post: &Post,
    mut random: Random,
    me: usize,
    count: usize,
    weather: Weather,
) {
    for _ in 0..count {
        if !send_once(tx, post, &mut random, me, weather) {
            break;
        }
        if random.one_in(16) {
            dawdle(&mut random);
        }
        if weather.panics && random.one_in(200) {
            let _unsent = post.write(me);
            panic_on_purpose();
        }
        if weather.close && random.one_in(400) {
            tx.close();
        }
    }
}

fn receiver(
    rx: &Receiver<Message>,
    post: &Post,
    mut random: Random,
    senders: usize,
    weather: Weather,
) {
    let mut last = vec![None; senders];
    loop {
        match receive_once(rx, &mut random, weather) {
            Err(()) => return,
            Ok(None) => {}
            Ok(Some(message)) => {
                post.received(&message);
                // A message that a dropped future has put back comes late.
                let order = &mut last[message.sender];
                if !weather.futures {
                    assert!(order.is_none_or(|last| last < message.number), "out of order");
                }
                *order = Some(message.number);
                if weather.panics && random.one_in(200) {
                    let _received = message;
                    panic_on_purpose();
                }
            }
        }
        if weather.leave && random.one_in(300) {
            return;
        }
        if random.one_in(16) {
            dawdle(&mut random);
        }
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let random = &mut round.random;
    let weather = Weather {
        close: random.one_in(3),
        leave: random.one_in(3),
        panics: random.one_in(3),
        futures: random.one_in(3),
    };
    let capacity = random.pick(&[0, 0, 1, 2, 3, 7, 16, 64, 200]);
    let (senders, receivers) = (1 + random.below(8), 1 + random.below(8));
    let count = 1 + random.below(400);
    watchdog::note(&format!(
        "capacity {capacity}, {senders} to {receivers}, {count} each, {weather:?}"
    ));
    let post = Post::new(senders * (count + 1));
    let (tx, rx) = chan(capacity);
    let threads = round.threads();
    let random = &mut round.random;
    let mut ends = Vec::new();
    let mut goroutines = Vec::new();
    // So many of them are plain threads.
    let plain = if random.one_in(2) { random.below(threads + 1) } else { 0 };
    for n in 0..senders + receivers {
        let (post, seed) = (Arc::clone(&post), random.fork());
        let body: Box<dyn FnOnce() + Send> = if n < senders {
            let tx = tx.clone();
            Box::new(move || sender(&tx, &post, seed, n, count, weather))
        } else {
            let rx = rx.clone();
            Box::new(move || receiver(&rx, &post, seed, senders, weather))
        };
        if random.below(senders + receivers) < plain {
            ends.push(thread::spawn(move || {
                let _ = catch_unwind(AssertUnwindSafe(body));
            }));
        } else {
            goroutines.push(home.spawn(body));
        }
    }
    drop(tx);
    // Whoever receives last empties the channel: nothing that was sent may be lost then.
    let stays = random.one_in(2);
    if stays {
        let all = Weather { close: false, leave: false, panics: false, futures: false };
        receiver(&rx, &post, random.fork(), senders, all.with_late(weather));
    }
    drop(rx);
    goroutines.into_iter().for_each(|handle| drop(handle.join()));
    ends.into_iter().for_each(|thread| thread.join().expect("it catches its panics"));
    let everybody_stays = !weather.leave && !weather.panics;
    post.close((stays || everybody_stays) && !weather.futures);
    home.leave();
}

impl Weather {
    /// Messages may be put back by others' futures.
    fn with_late(self, other: Weather) -> Weather {
        Weather { futures: other.futures, ..self }
    }
}
