//! Closing, and dropping the last of an end, wake who waits.

use crate::chan_world::{World, join_all};
use crate::support::{Tally, yield_until};
use gort::chan::{Receiver, SendError, Sender, chan};
use std::collections::BTreeSet;

in_all_worlds! {
    closing_wakes_all_receivers
    closing_gives_all_blocked_senders_their_messages_back
    dropping_the_senders_wakes_all_receivers
    dropping_the_receivers_wakes_all_senders
}

fn closing_wakes_all_receivers(world: World) {
    world.run(move || {
        for capacity in [0, 3] {
            let (tx, rx) = chan::<u8>(capacity);
            let receivers = world.spawn_all(40, |_| {
                let rx = rx.clone();
                Box::new(move || rx.recv())
            });
            gort::yield_now();
            tx.close();
            tx.close();
            assert_eq!(join_all(receivers), [None; 40]);
        }
    });
}

fn closing_gives_all_blocked_senders_their_messages_back(world: World) {
    world.run(move || {
        for capacity in [0, 3] {
            let (tx, rx) = chan(capacity);
            let senders = world.spawn_all(40, |number| {
                let tx = tx.clone();
                Box::new(move || tx.send(number).err().map(SendError::into_inner))
            });
            yield_until("the buffer is full", || rx.is_full());
            gort::yield_now();
            rx.close();
            let failed: Vec<_> = join_all(senders).into_iter().flatten().collect();
            assert_eq!(failed.len(), 40 - capacity);
            let received: Vec<_> = rx.iter().collect();
            assert_eq!(received.len(), capacity);
            let all: BTreeSet<_> = failed.into_iter().chain(received).collect();
            assert!(all.into_iter().eq(0..40));
        }
    });
}

fn dropping_the_senders_wakes_all_receivers(world: World) {
    world.run(move || {
        let (tx, rx) = chan::<u8>(0);
        let receivers = world.spawn_all(5, |_| {
            let rx = rx.clone();
            Box::new(move || rx.recv())
        });
        let other = tx.clone();
        gort::yield_now();
        drop(tx);
        assert!(!rx.is_closed());
        drop(other);
        assert_eq!(join_all(receivers), [None; 5]);
        assert!(rx.is_closed());
    });
}

fn dropping_the_receivers_wakes_all_senders(world: World) {
    world.run(move || {
        let (tx, rx) = chan(2);
        let tally = Tally::new();
        let senders = world.spawn_all(6, |_| {
            let (tx, token) = (tx.clone(), tally.token());
            Box::new(move || tx.send(token))
        });
        yield_until("the buffer is full", || rx.is_full());
        let other = rx.clone();
        drop(rx);
        assert!(!tx.is_closed());
        drop(other);
        let results = join_all(senders);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
        // The two in the buffer went with the last receiver, the others came back.
        assert_eq!(tally.alive(), 4);
        drop(results);
        assert_eq!(tally.alive(), 0);
        assert!(tx.try_send(tally.token()).unwrap_err().is_closed());
    });
}

#[test]
fn closing_keeps_what_is_in_the_buffer() {
    type Close = fn(Sender<i32>, &Receiver<i32>);
    for close in [(|tx, _| drop(tx)) as Close, |tx, _| tx.close(), |_, rx| rx.close()] {
        let (tx, rx) = chan(3);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        close(tx, &rx);
        assert!(rx.is_closed());
        assert_eq!(rx.len(), 2);
        assert_eq!([rx.recv(), rx.recv(), rx.recv(), rx.recv()], [Some(1), Some(2), None, None]);
    }
}

#[test]
fn a_channel_that_was_closed_before_its_buffer_grew_stays_closed() {
    let (tx, rx) = chan(100_000);
    tx.close();
    assert_eq!(tx.send(1), Err(SendError(1)));
    assert_eq!(rx.recv(), None);
}
