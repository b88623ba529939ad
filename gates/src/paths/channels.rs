//! Channels, in each state that a send or a receive may find.

use super::{MOST, Path, path};
use gort::chan::{Receiver, Sender, chan};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);

pub(super) const PATHS: &[Path] = &[
    path("chan.send.room", "send into a buffer with room", |n| {
        let (tx, _rx) = emptied();
        for message in 0..n {
            tx.send(message).expect("it is open");
        }
    }),
    path("chan.recv.filled", "receive from a buffer with messages", |n| {
        let (_tx, rx) = filled();
        for _ in 0..n {
            rx.recv().expect("there are messages");
        }
    }),
    path("chan.recv_timeout.filled", "the same with a time limit", |n| {
        let (_tx, rx) = filled();
        for _ in 0..n {
            rx.recv_timeout(LONG).expect("there are messages");
        }
    }),
    path("chan.try_send.room", "try_send into a buffer with room", |n| {
        let (tx, _rx) = emptied();
        for message in 0..n {
            tx.try_send(message).expect("there is room");
        }
    }),
    path("chan.try_send.full", "try_send into a full buffer", |n| {
        let (tx, _rx) = filled();
        for message in 0..n {
            tx.try_send(message).expect_err("it is full");
        }
    }),
    path("chan.try_recv.filled", "try_recv from a buffer with messages", |n| {
        let (_tx, rx) = filled();
        for _ in 0..n {
            rx.try_recv().expect("there are messages");
        }
    }),
    path("chan.try_recv.empty", "try_recv from an empty buffer", |n| {
        let (_tx, rx) = chan::<usize>(1);
        for _ in 0..n {
            rx.try_recv().expect_err("it is empty");
        }
    }),
    path("chan.send.closed", "send on a closed channel", |n| {
        let (tx, _rx) = chan(1);
        tx.close();
        for message in 0..n {
            tx.send(message).expect_err("it is closed");
        }
    }),
    path("chan.recv.closed", "receive from a closed channel", |n| {
        let (tx, rx) = chan::<usize>(1);
        tx.close();
        for _ in 0..n {
            assert!(rx.recv().is_none());
        }
    }),
    path(
        "chan.buffered.waiter",
        "a message to one who waits at an empty buffer, who answers so",
        |n| {
            ping_pong(n, 1, |rx| rx.recv());
        },
    ),
    path("chan.rendezvous.waiter", "the same without a buffer", |n| {
        ping_pong(n, 0, |rx| rx.recv());
    }),
    path("chan.rendezvous.timeout", "the same, and each waits with a time limit", |n| {
        ping_pong(n, 0, |rx| rx.recv_timeout(LONG).ok());
    }),
    path(
        "chan.rendezvous.sender",
        "a message taken from a sender who waits; then yield_now",
        |n| {
            let (tx, rx) = chan(0);
            let sender = gort::spawn(move || send_all(&tx, n));
            for _ in 0..n {
                gort::yield_now();
                rx.try_recv().expect("the sender waits");
            }
            sender.join().expect("it sends");
        },
    ),
    path(
        "chan.try_send.waiter",
        "try_send to one who waits, without a buffer; then yield_now",
        |n| {
            let (tx, rx) = chan(0);
            let receiver = gort::spawn(move || receive_all(&rx));
            for message in 0..n {
                gort::yield_now();
                tx.try_send(message).expect("the receiver waits");
            }
            drop(tx);
            receiver.join().expect("it receives");
        },
    ),
    path("chan.stream.0", "a message from one goroutine to another, without a buffer", |n| {
        stream(n, 0)
    }),
    path("chan.stream.1", "the same with a buffer for one", |n| stream(n, 1)),
    path("chan.stream.128", "the same with a buffer for 128", |n| stream(n, 128)),
    path("chan.clone", "clone and drop of a sender", |n| {
        let (tx, _rx) = chan::<usize>(1);
        for _ in 0..n {
            drop(tx.clone());
        }
    }),
    path("chan.make", "a channel made and dropped", |n| {
        for _ in 0..n {
            chan::<usize>(1);
        }
    }),
];

/// An empty channel that was full: its buffer, which grows as it is used, does not any more.
pub(super) fn emptied() -> (Sender<usize>, Receiver<usize>) {
    let (tx, rx) = filled();
    assert_eq!(rx.try_iter().count(), MOST);
    (tx, rx)
}

/// A full channel.
fn filled() -> (Sender<usize>, Receiver<usize>) {
    let (tx, rx) = chan(MOST);
    for message in 0..MOST {
        tx.try_send(message).expect("there is room");
    }
    (tx, rx)
}

/// `n` messages between two goroutines that wait for each other's by `receive`.
fn ping_pong(n: usize, capacity: usize, receive: fn(&Receiver<usize>) -> Option<usize>) {
    let (ping, pinged) = chan(capacity);
    let (pong, ponged) = chan(capacity);
    let other = gort::spawn(move || {
        while let Some(message) = receive(&pinged) {
            pong.send(message).expect("it is awaited");
        }
    });
    for message in 0..n / 2 {
        ping.send(message).expect("it is awaited");
        receive(&ponged).expect("it is answered");
    }
    drop(ping);
    other.join().expect("it answers");
}

fn stream(n: usize, capacity: usize) {
    let (tx, rx) = chan(capacity);
    let receiver = gort::spawn(move || receive_all(&rx));
    send_all(&tx, n);
    drop(tx);
    receiver.join().expect("it receives");
}

fn send_all(tx: &Sender<usize>, n: usize) {
    for message in 0..n {
        tx.send(message).expect("it is open");
    }
}

fn receive_all(rx: &Receiver<usize>) {
    while rx.recv().is_some() {}
}
