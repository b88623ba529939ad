//! What `select!` evaluates, when, how often; and when it is dropped.

use crate::{AGES, SHORT, filled};
use gort::chan::{Receiver, chan};
use gort::select;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[gort::test]
fn what_is_off_is_not_evaluated() {
    let (tx, rx) = chan(4);
    let mut queue: VecDeque<u8> = VecDeque::new();
    let no_channel: Option<Receiver<u8>> = None;
    let no_duration = AGES.checked_sub(AGES * 2);
    let evaluated = Cell::new(0);
    let note = |channel| {
        evaluated.set(evaluated.get() + 1);
        channel
    };
    for round in 0..2 {
        select! {
            send(note(&tx), queue.pop_front().unwrap()), if !queue.is_empty() => assert_eq!(round, 1),
            recv(no_channel.as_ref().unwrap()), if no_channel.is_some() => panic!("there is none"),
            after(no_duration.unwrap()), if no_duration.is_some() => {}
            default => assert_eq!(round, 0),
        }
        assert_eq!(evaluated.get(), round);
        queue.push_back(5);
    }
    assert_eq!(rx.recv(), Some(5));
}

#[gort::test]
fn everything_on_is_evaluated_once_in_order() {
    let (_tx, rx) = chan::<u8>(1);
    let (tx, full) = filled([1]);
    let order = RefCell::new(Vec::new());
    macro_rules! note {
        ($name:literal, $value:expr) => {{
            order.borrow_mut().push($name);
            $value
        }};
    }
    select! {
        after(note!("duration", SHORT)) => {}
        recv(note!("rx", &rx)), if note!("if rx", true) => panic!("empty"),
        send(note!("tx", &tx), note!("value", 2)) => panic!("full"),
        send(note!("tx 2", &tx), note!("value 2", 2)), if note!("if tx 2", true) => panic!("full"),
        recv(note!("off", &full)), if note!("if off", false) => panic!("off"),
    }
    let expected =
        ["duration", "if rx", "rx", "tx", "value", "if tx 2", "tx 2", "value 2", "if off"];
    assert_eq!(order.into_inner(), expected);
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[gort::test]
fn unsent_values_are_dropped_once_before_the_body() {
    let drops = &AtomicUsize::new(0);
    let (tx, _full) = filled([Counted(drops)]);
    let (_tx, rx) = filled([0]);
    for n in 1..4 {
        select! {
            send(tx, Counted(drops)) => panic!("full"),
            send(tx, Counted(drops)), if n < 4 => panic!("full"),
            send(tx, Counted(drops)), if n > 4 => panic!("full"),
            recv(rx), if n == 2 => assert_eq!(drops.load(SeqCst), 4),
            default => assert_eq!(drops.load(SeqCst), 2 * n),
        }
        assert_eq!(drops.load(SeqCst), 2 * n);
    }
}

#[gort::test]
fn a_value_comes_back_from_a_closed_channel() {
    let drops = &AtomicUsize::new(0);
    let (tx, rx) = chan(1);
    drop(rx);
    select! {
        send(tx, Counted(drops)) -> result => {
            assert_eq!(drops.load(SeqCst), 0);
            drop(result.unwrap_err().0);
            assert_eq!(drops.load(SeqCst), 1);
        }
    }
    assert_eq!(drops.load(SeqCst), 1);
    // Nobody asked for it back.
    select! { send(tx, Counted(drops)) => assert_eq!(drops.load(SeqCst), 2) }
    select! { send(tx, Counted(drops)) -> _ => assert_eq!(drops.load(SeqCst), 3) }
}

#[gort::test]
fn messages_are_dropped_once() {
    let drops = &AtomicUsize::new(0);
    let (_tx, rx) = filled([(); 4].map(|()| Counted(drops)));
    select! { recv(rx) -> message => {
        assert_eq!(drops.load(SeqCst), 0);
        assert!(message.is_some());
    } }
    assert_eq!(drops.load(SeqCst), 1);
    select! { recv(rx) -> _message => assert_eq!(drops.load(SeqCst), 1) }
    assert_eq!(drops.load(SeqCst), 2);
    // Nobody wants it.
    select! { recv(rx) -> _ => assert_eq!(drops.load(SeqCst), 3) }
    select! { recv(rx) => assert_eq!(drops.load(SeqCst), 4) }
    assert_eq!(drops.load(SeqCst), 4);
}

#[gort::test]
fn locks_in_heads_are_released() {
    let state = Mutex::new(VecDeque::from([1, 2]));
    let (tx, rx) = chan(2);
    let channels = Mutex::new((tx, rx));
    select! {
        // The lock for the value is gone before the select waits, or the next line would hang.
        send(channels.lock().unwrap().0, state.lock().unwrap().pop_front().unwrap()) => {
            assert_eq!(channels.lock().unwrap().1.recv(), Some(1));
            assert_eq!(state.lock().unwrap().len(), 0);
        }
        after(Duration::from_secs(state.lock().unwrap().pop_front().unwrap())) => panic!("room"),
    }
}

#[gort::test]
fn temporaries_of_a_body_end_before_its_variables() {
    let (_tx, rx) = filled([Mutex::new(vec![1, 2, 3])]);
    let len = select! { recv(rx) -> message => message.unwrap().lock().unwrap().len() };
    assert_eq!(len, 3);
    let (_tx, rx) = filled([Mutex::new(vec![1, 2, 3])]);
    let len = select! { recv(rx) -> message => message.as_ref().unwrap().lock().unwrap().len() };
    assert_eq!(len, 3);
}
