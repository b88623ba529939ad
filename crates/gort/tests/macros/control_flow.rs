//! Ways out of `select!`, and into it.

use crate::{AGES, SHORT, filled};
use gort::chan::{Receiver, chan};
use gort::{select, select_biased};
use std::error::Error;
use std::num::ParseIntError;

#[gort::test]
fn bodies_move_and_drop_the_channels() {
    let (tx, rx) = chan(1);
    let (other_tx, other) = chan::<Receiver<u8>>(1);
    select! {
        recv(rx) => drop(rx),
        send(tx, 5) => {
            drop(tx);
            other_tx.send(rx).unwrap();
        }
    }
    let rx = select! { recv(other) -> rx => { drop((other, other_tx)); rx.unwrap() } };
    assert_eq!((rx.recv(), rx.recv()), (Some(5), None));
}

#[gort::test]
fn a_body_may_replace_its_channel() {
    let (tx, mut rx) = filled([1]);
    let mut open = Some(tx);
    select! {
        recv(rx) -> message => {
            open = None;
            rx = chan(1).1;
            assert_eq!((message, rx.recv()), (Some(1), None));
        }
        send(open.as_ref().unwrap(), 7), if open.is_some() => panic!("full"),
    }
    assert!(open.is_none());
}

#[gort::test]
fn break_and_continue() {
    let (tx, rx) = filled(0..10);
    drop(tx);
    let mut odd = Vec::new();
    let last = 'outer: loop {
        for _ in 0..3 {
            select! {
                recv(rx) -> n => match n {
                    None => break 'outer "closed",
                    Some(n) if n % 2 == 0 => continue,
                    Some(7) => continue 'outer,
                    Some(n) => odd.push(n),
                },
                after(AGES) => break,
            }
        }
    };
    assert_eq!((last, odd), ("closed", vec![1, 3, 5, 9]));
}

#[gort::test]
fn control_flow_in_heads() {
    fn head(channel: Option<&Receiver<u8>>, text: &str) -> Result<u8, Box<dyn Error>> {
        let (tx, _rx) = chan(0);
        let n = 'search: loop {
            select! {
                recv(channel.ok_or("no channel")?) -> n => return Ok(n.unwrap()),
                send(tx, text.parse::<u8>()?), if !text.is_empty() => {}
                after(if text == "1" { break 9 } else { SHORT }) => {}
                after(if text == "2" { break 'search 8 } else { SHORT }), if text == "2" => {}
            }
        };
        Ok(n)
    }
    let (_tx, rx) = filled([5]);
    assert_eq!(head(None, "").unwrap_err().to_string(), "no channel");
    assert!(head(Some(&rx), "text").unwrap_err().is::<ParseIntError>());
    assert_eq!(head(Some(&rx), "1").unwrap(), 9);
    assert_eq!(head(Some(&rx), "2").unwrap(), 8);
    assert_eq!(head(Some(&rx), "").unwrap(), 5);
}

#[gort::test]
fn return_and_question_mark() {
    fn parse(rx: &Receiver<&str>) -> Result<u32, ParseIntError> {
        let n = select! {
            recv(rx) -> text => text.unwrap_or("9").parse::<u32>()?,
            after(SHORT) => return Ok(0),
        };
        Ok(n + 1)
    }
    let (tx, rx) = filled(["1", "x"]);
    assert_eq!(parse(&rx), Ok(2));
    assert!(parse(&rx).is_err());
    assert_eq!(parse(&rx), Ok(0));
    drop(tx);
    assert_eq!(parse(&rx), Ok(10));
}

#[gort::test]
fn no_arms_wait_for_ever() {
    fn for_ever() -> u8 {
        select! {}
    }
    fn for_ever_biased() -> ! {
        select_biased! {}
    }
    let (tx, rx) = chan::<u8>(0);
    if tx.capacity() > 0 {
        for_ever();
        for_ever_biased();
    }
    select! {
        recv(rx) => panic!("empty"),
        after(SHORT) => {}
    }
}

#[gort::test]
fn in_generic_code() {
    fn first<T: Send, const N: usize>(channels: [&Receiver<T>; N]) -> Option<T> {
        select! {
            recv(channels[0]) -> message => message,
            recv(channels[N - 1]) -> message => message,
        }
    }
    let (tx, a) = chan::<String>(1);
    let (_tx, b) = chan(1);
    tx.send("text".into()).unwrap();
    assert_eq!(first([&b, &a]).as_deref(), Some("text"));
}
