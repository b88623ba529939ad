//! loom models of select; see `chan::models` for how to run them.
//!
//! With two arms a [`Select`] has many, so its arms stand. Seen to fail: with `claim_or_note` not claiming under the lock, and
//! without `open`'s look for notes (deadlocks); with a `close` that does not wait for who serves an arm.

use super::Select;
use super::any_arm::AnyArm;
use super::arms::{AfterArm, RecvArm, SendArm, select};
use super::engine::Arms;
use super::standing::{GivenUp, StandingArms};
use crate::chan::{Receiver, Sender, chan};
use crate::clock::Deadline;
use crate::park::shutdown_model::Shutdown;
use crate::prim::atomic::{AtomicBool, Ordering::Relaxed};
use crate::prim::{Arc, model, thread};
use std::time::Duration;

fn select_recv(a: &Receiver<i32>, b: &Receiver<i32>) -> (usize, Option<i32>) {
    let (mut a, mut b) = (RecvArm::new(Some(a)), RecvArm::new(Some(b)));
    match select([a.look(), b.look()], &mut [&mut a, &mut b], true, false) {
        0 => (0, a.finish().unwrap()),
        _ => (1, b.finish().unwrap()),
    }
}

fn select_both(tx: &Sender<i32>, rx: &Receiver<i32>, message: i32) -> Option<i32> {
    let (mut send, mut recv) = (SendArm::new(Some((tx, message))), RecvArm::new(Some(rx)));
    match select([send.look(), recv.look()], &mut [&mut send, &mut recv], true, false) {
        0 => {
            send.finish().unwrap().unwrap();
            None
        }
        _ => Some(recv.finish().unwrap().unwrap()),
    }
}

#[test]
fn two_senders_meet_a_select() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let first = thread::spawn(move || ta.send(0).unwrap());
        let second = thread::spawn(move || tb.send(1).unwrap());
        let (index, got) = select_recv(&ra, &rb);
        assert_eq!(got, Some(index as i32));
        // The arm that lost has left no trace: its channel works as before.
        let other = if index == 0 { &rb } else { &ra };
        assert_eq!(other.recv(), Some(1 - index as i32));
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn a_select_that_lost_an_arm_does_not_take_its_message() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(1), chan(0));
        let sender = thread::spawn(move || {
            ta.send(0).unwrap();
            (tb.try_send(1).is_ok(), ta, tb)
        });
        let (index, got) = select_recv(&ra, &rb);
        assert_eq!(got, Some(index as i32));
        // What the other arm could have had is where it was, and what was taken is gone.
        let (sent, _ta, _tb) = sender.join().unwrap();
        assert_eq!(sent, index == 1);
        assert_eq!(ra.try_recv().is_ok(), index == 1);
        assert!(rb.try_recv().is_err());
    });
}

#[test]
fn close_ends_a_select() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan::<i32>(0), chan(0));
        let closer = thread::spawn(move || tb.close());
        assert_eq!(select_recv(&ra, &rb), (1, None));
        closer.join().unwrap();
        drop(ta);
    });
}

#[test]
fn a_select_that_times_out_has_taken_nothing() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.send(1));
        let mut recv = RecvArm::new(Some(&rx));
        let mut after = AfterArm::new(Some(Duration::from_secs(3600)));
        match select([recv.look(), after.look()], &mut [&mut recv, &mut after], true, false) {
            0 => assert_eq!(recv.finish(), Some(Some(1))),
            _ => {
                assert_eq!(recv.finish(), None);
                assert_eq!(rx.recv(), Some(1));
            }
        }
        sender.join().unwrap().unwrap();
        assert_eq!(rx.recv(), None);
    });
}

/// One says that it is about to look, the other sends and asks whether anybody is: it cannot be that the one finds
/// nothing and the other is told no.
#[test]
fn a_select_with_a_default_sees_who_has_not_seen_it() {
    model(|| {
        let (tx, rx) = chan(1);
        let looks = Arc::new(AtomicBool::new(false));
        let sender = {
            let looks = looks.clone();
            thread::spawn(move || {
                tx.send(1).unwrap();
                (looks.load(Relaxed), tx)
            })
        };
        looks.store(true, Relaxed);
        let mut arm = RecvArm::new(Some(&rx));
        let found = select([arm.look()], &mut [&mut arm], true, true) == 0;
        let (seen, _tx) = sender.join().unwrap();
        assert!(found || seen);
    });
}

#[test]
fn a_select_with_both_ends_of_one_channel_never_meets_itself() {
    model(|| {
        let (tx, rx) = chan(0);
        let (other_tx, other_rx) = (tx.clone(), rx.clone());
        let other = thread::spawn(move || select_both(&other_tx, &other_rx, 1));
        match (select_both(&tx, &rx, 2), other.join().unwrap()) {
            (None, Some(2)) | (Some(1), None) => {}
            met => panic!("{met:?}"),
        }
    });
}

#[test]
fn two_selects_meet_across_two_channels() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let other = thread::spawn(move || select_both(&ta, &rb, 1));
        match (select_both(&tb, &ra, 2), other.join().unwrap()) {
            (None, Some(2)) | (Some(1), None) => {}
            met => panic!("{met:?}"),
        }
    });
}

#[test]
fn two_selects_share_one_message() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let (other_a, other_b) = (ra.clone(), rb.clone());
        let other = thread::spawn(move || select_recv(&other_a, &other_b).1);
        ta.send(1).unwrap();
        drop(tb);
        let mine = select_recv(&ra, &rb).1;
        let theirs = other.join().unwrap();
        assert!(theirs == Some(1) && mine.is_none() || theirs.is_none());
        if theirs.is_none() {
            // The message was sent, and so taken, or it still blocks `ta`: it does not here.
            assert_eq!(mine, Some(1));
        }
    });
}

fn standing<'a>(a: &'a Receiver<i32>, b: &'a Receiver<i32>) -> Select<'a> {
    let mut select = Select::new();
    select.recv(a);
    select.recv(b);
    select
}

fn next(select: &mut Select<'_>, a: &Receiver<i32>, b: &Receiver<i32>) -> (usize, Option<i32>) {
    let chosen = select.select();
    match chosen.index() {
        0 => (0, chosen.recv(a)),
        _ => (1, chosen.recv(b)),
    }
}

#[test]
fn two_senders_meet_a_select_that_stands() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let sender = |tx: Sender<i32>, message| thread::spawn(move || (tx.send(message), tx));
        let senders = [sender(ta, 0), sender(tb, 1)];
        let mut select = standing(&ra, &rb);
        let (first, got) = next(&mut select, &ra, &rb);
        assert_eq!(got, Some(first as i32));
        let (second, got) = next(&mut select, &ra, &rb);
        assert_eq!(got, Some(second as i32));
        assert_ne!(first, second);
        for sender in senders {
            sender.join().unwrap().0.unwrap();
        }
    });
}

#[test]
fn one_sender_meets_a_select_that_stands_twice() {
    model(|| {
        let ((ta, ra), (_tb, rb)) = (chan(0), chan(0));
        let sender = thread::spawn(move || {
            ta.send(1).unwrap();
            ta.send(2).unwrap();
            ta
        });
        let mut select = standing(&ra, &rb);
        assert_eq!(next(&mut select, &ra, &rb), (0, Some(1)));
        assert_eq!(next(&mut select, &ra, &rb), (0, Some(2)));
        let _ta = sender.join().unwrap();
    });
}

#[test]
fn a_standing_select_that_times_out_has_taken_nothing() {
    model(|| {
        let ((ta, ra), (_tb, rb)) = (chan(0), chan(0));
        let sender = thread::spawn(move || ta.send(1));
        let mut select = standing(&ra, &rb);
        let got = match select.select_timeout(Duration::from_secs(3600)) {
            Ok(chosen) => chosen.recv(&ra),
            Err(_) => ra.recv(),
        };
        assert_eq!(got, Some(1));
        drop(select);
        sender.join().unwrap().unwrap();
        assert_eq!(ra.recv(), None);
    });
}

/// What an arm is served with in the moment of a shutdown is not lost: the next receiver has it.
#[test]
fn a_standing_select_is_shut_down_in_the_moment_it_is_served() {
    model(|| {
        let ((ta, ra), (_tb, rb)) = (chan(0), chan(0));
        let shutdown = Shutdown::of_this_thread();
        let sender = thread::spawn(move || ta.send(1));
        let ending = thread::spawn(move || shutdown.end_wait());
        let arm = |rx| Some(Box::new(RecvArm::new(Some(rx))) as Box<dyn AnyArm>);
        let arms = [arm(&ra), arm(&rb)];
        let got = match StandingArms::new(2, 1).run(&arms[..], Deadline::NEVER) {
            Err(given_up) => {
                assert_eq!(given_up, GivenUp::Shutdown);
                arms.iter().flatten().for_each(|arm| arm.unregister());
                ra.recv()
            }
            Ok(index) => {
                assert_eq!(index, Some(0));
                arms[..].arm(0).abandon();
                arms.iter().flatten().for_each(|arm| arm.unregister());
                ra.try_recv().ok()
            }
        };
        assert_eq!(got, Some(1));
        ending.join().unwrap();
        sender.join().unwrap().unwrap();
        assert_eq!(ra.recv(), None);
    });
}

#[test]
fn a_standing_select_meets_one_that_sends() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let other = thread::spawn(move || {
            let (mut a, mut b) = (SendArm::new(Some((&ta, 0))), SendArm::new(Some((&tb, 1))));
            let index = select([a.look(), b.look()], &mut [&mut a, &mut b], true, false);
            (index, ta, tb)
        });
        let mut select = standing(&ra, &rb);
        let (index, got) = next(&mut select, &ra, &rb);
        assert_eq!(got, Some(index as i32));
        assert_eq!(other.join().unwrap().0, index);
    });
}

#[test]
fn a_buffer_is_filled_past_an_arm_that_stands() {
    model(|| {
        let ((ta, ra), (tb, rb)) = (chan(1), chan(0));
        let sender = thread::spawn(move || {
            tb.send(1).unwrap();
            ta.send(0).unwrap();
            (ta, tb)
        });
        let mut select = standing(&ra, &rb);
        assert_eq!(next(&mut select, &ra, &rb), (1, Some(1)));
        assert_eq!(next(&mut select, &ra, &rb), (0, Some(0)));
        let _ends = sender.join().unwrap();
    });
}
