//! Messages from a plain thread, to goroutines whose machine sleeps in the poller.

use super::{Path, system_path};
use crate::poller;
use gort::chan::{Sender, chan};
use std::thread;

pub(super) const PATHS: &[Path] = &[
    system_path("outside.one", "a message to a goroutine; it wakes a machine", wake::<1>),
    system_path("outside.many", "the same to 16 before the machine is awake; of each", wake::<16>),
];

/// `n` messages, and the machine sleeps before each `BATCH` of them, in the poller.
fn wake<const BATCH: usize>(n: usize) {
    let (senders, receivers): (Vec<Sender<()>>, Vec<_>) = (0..BATCH)
        .map(|_| {
            let (tx, rx) = chan(0);
            (tx, gort::spawn(move || (0..n / BATCH).for_each(|_| rx.recv().expect("a message"))))
        })
        .unzip();
    let mut turns = poller::take_turns();
    thread::spawn(move || {
        for _ in 0..n / BATCH {
            turns.take(|| senders.iter().for_each(|tx| tx.send(()).expect("it is awaited")));
        }
    });
    receivers.into_iter().for_each(|receiver| receiver.join().expect("it receives"));
}
