//! The arms of `select!`, and which one is taken.

use crate::{AGES, SHORT, filled};
use gort::chan::{chan, never};
use gort::{go, select, select_biased};
use std::time::{Duration, Instant};

#[gort::test]
fn each_kind_of_arm() {
    let (tx, rx) = chan(1);
    let nothing = select! {
        recv(rx) -> message => message,
        default => Some(0),
    };
    assert_eq!(nothing, Some(0));
    select! {
        send(tx, 7) -> result => assert_eq!(result, Ok(())),
        default => panic!("there was room"),
    }
    select! {
        send(tx, 8) -> result => panic!("no room, but {result:?}"),
        after(SHORT) => {}
    }
    select! {
        recv(rx) -> message => assert_eq!(message, Some(7)),
        after(AGES) => panic!("there was a message"),
    }
    drop(tx);
    select! {
        recv(rx) -> message => assert_eq!(message, None),
        default => panic!("a closed channel is ready"),
    }
}

#[gort::test]
fn works_on_a_plain_thread() {
    let (tx, rx) = chan(0);
    let (done_tx, done) = chan(0);
    let receiver = std::thread::spawn(move || {
        let mut sum = 0;
        loop {
            select! {
                recv(rx) -> n => match n {
                    Some(n) => sum += n,
                    None => break sum,
                },
                recv(done) => panic!("nobody sends here"),
            }
        }
    });
    for n in 0..10 {
        select! {
            send(tx, n) -> result => result.unwrap(),
            send(done_tx, ()), if false => panic!("off"),
        }
    }
    drop(tx);
    assert_eq!(receiver.join().unwrap(), 45);
}

#[gort::test]
fn waits_for_another_goroutine() {
    let (tx, rx) = chan(0);
    let (back_tx, back) = chan(0);
    go!(move || {
        for _ in 0..100 {
            let n: u32 = select! {
                recv(rx) -> n => n.unwrap(),
                after(AGES) => panic!("no message"),
            };
            select! {
                send(back_tx, n + 1) -> result => result.unwrap(),
                after(AGES) => panic!("no receiver"),
            }
        }
    });
    let mut n = 0;
    for _ in 0..100 {
        select! { send(tx, n) -> result => result.unwrap() }
        n = select! { recv(back) -> n => n.unwrap() };
    }
    assert_eq!(n, 100);
}

#[gort::test]
fn arms_in_any_order() {
    let (_tx, rx) = chan::<u8>(1);
    let chosen = select! {
        default => "default",
        recv(rx) => "recv",
        after(AGES) => "after",
    };
    assert_eq!(chosen, "default");
    let (tx, _rx) = chan(1);
    let chosen = select! {
        after(AGES) => "after",
        default => "default",
        send(tx, 1) => "send",
    };
    assert_eq!(chosen, "send");
}

#[gort::test]
fn the_shortest_timeout_counts() {
    let start = Instant::now();
    let chosen = select! {
        after(AGES) => 1,
        after(SHORT) => 2,
        recv(never::<()>()) => 3,
        after(Duration::ZERO), if start.elapsed() > AGES => 4,
    };
    assert_eq!(chosen, 2);
    assert!((SHORT..AGES).contains(&start.elapsed()));
}

#[gort::test]
fn only_a_default() {
    assert_eq!(select! { default => 3 }, 3);
    let mut steps = 0;
    while steps < 3 {
        steps += 1;
        select! { default => if steps == 2 { break } }
    }
    assert_eq!(steps, 2);
}

#[gort::test]
fn biased_takes_the_first_that_is_ready() {
    let (_tx, empty) = chan::<u8>(1);
    let (_tx_a, a) = filled(0..50);
    let (_tx_b, b) = filled(0..50);
    for _ in 0..50 {
        select_biased! {
            recv(empty) => panic!("empty"),
            recv(a) -> n => assert!(n.is_some()),
            recv(b) => panic!("`a` was ready"),
            default => panic!("`a` was ready"),
        }
    }
    select_biased! {
        default => panic!("`b` is ready"),
        recv(empty) => panic!("empty"),
        recv(a) => panic!("`a` is drained"),
        recv(b) -> n => assert_eq!(n, Some(0)),
    }
}

#[gort::test]
fn unbiased_takes_all_that_are_ready() {
    let (_tx_a, a) = filled(0..1000);
    let (_tx_b, b) = filled(0..1000);
    let mut taken = [0; 2];
    for _ in 0..1000 {
        select! {
            recv(a) => taken[0] += 1,
            recv(b) => taken[1] += 1,
        }
    }
    assert!(taken.iter().all(|&n| n > 300), "{taken:?}");
}
