//! Messages are dropped once, whatever their destructors do.

use crate::chan_world::{World, join_all};
use crate::support::{OnDrop, Tally, Token};
use gort::chan::chan;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

in_all_worlds! {
    messages_are_dropped_once
}

fn messages_are_dropped_once(world: World) {
    world.run(move || {
        for capacity in [0, 1, 5, 100] {
            let tally = Tally::new();
            let (tx, rx) = chan::<Token>(capacity);
            let senders = world.spawn_all(3, |_| {
                let (tx, tally) = (tx.clone(), tally.clone());
                Box::new(move || while tx.send(tally.token()).is_ok() {})
            });
            drop(tx);
            let half: Vec<_> = rx.iter().take(150).collect();
            assert_eq!(half.len(), 150);
            drop(rx);
            join_all(senders);
            assert_eq!(tally.alive(), 150);
            drop(half);
            assert_eq!(tally.alive(), 0);
            assert!(tally.made() >= 153);
        }
    });
}

#[test]
fn a_message_that_panics_when_dropped_does_not_keep_others_from_it() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = chan(10);
    // Two are received first, so that the rest wraps around the end of the ring.
    for _ in 0..2 {
        tx.send(None).unwrap();
    }
    assert_eq!(rx.try_iter().count(), 2);
    for i in 0..10 {
        let dropped = dropped.clone();
        let message = OnDrop(move || {
            dropped.fetch_add(1, SeqCst);
            assert_ne!(i, 3, "dropped with this message");
        });
        assert!(tx.send(Some(message)).is_ok());
    }
    let panic = catch_unwind(AssertUnwindSafe(|| drop(rx)));
    assert!(panic.unwrap_err().downcast::<String>().unwrap().contains("with this message"));
    assert_eq!(dropped.load(SeqCst), 10);
    assert!(tx.is_closed());
    assert!(tx.send(None).is_err());
}

#[test]
fn a_message_may_use_its_channel_when_dropped() {
    let (tx, rx) = chan(5);
    let (other, results) = chan(5);
    for _ in 0..3 {
        let (tx, other) = (tx.clone(), other.clone());
        // A weak reference would do; the cycle ends as the receiver drops the messages.
        assert!(
            tx.clone()
                .send(OnDrop(
                    Box::new(move || other.send(tx.len()).unwrap()) as Box<dyn FnMut() + Send>
                ))
                .is_ok()
        );
    }
    drop(rx);
    assert!(results.try_iter().eq([0; 3]));
}
