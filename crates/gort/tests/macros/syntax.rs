//! What may stand where in `select!`.

use crate::{AGES, SHORT, filled};
use gort::chan::{Receiver, SendError, chan, never};
use gort::{select, select_biased};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[gort::test]
fn channels_of_all_shapes() {
    struct Inputs {
        direct: Receiver<u8>,
        shared: Arc<Receiver<u8>>,
        many: Vec<Receiver<u8>>,
        locked: Mutex<HashMap<&'static str, Receiver<u8>>>,
    }
    impl Inputs {
        fn direct(&self) -> &Receiver<u8> {
            &self.direct
        }
    }
    let (tx, rx) = chan::<u8>(100);
    let inputs = Inputs {
        direct: rx.clone(),
        shared: Arc::new(rx.clone()),
        many: vec![rx.clone(), rx.clone()],
        locked: Mutex::new(HashMap::from([("rx", rx.clone())])),
    };
    let inputs = &inputs;
    let reference = &rx;
    let boxed: Box<Arc<Receiver<u8>>> = Box::new(inputs.shared.clone());
    let mut count = 0;
    for _ in 0..200 {
        tx.send(1).unwrap();
        let n = select! {
            recv(rx) -> n => n,
            recv(&rx) -> n => n,
            recv(reference) -> n => n,
            recv(*reference) -> n => n,
            recv(rx.clone()) -> n => n,
            recv({ &rx }) -> n => n,
            recv(inputs.direct) -> n => n,
            recv(inputs.direct()) -> n => n,
            recv(inputs.shared) -> n => n,
            recv(*inputs.shared) -> n => n,
            recv(inputs.many[1]) -> n => n,
            recv(inputs.many.last().unwrap()) -> n => n,
            recv(if n_is_odd(count) { &rx } else { inputs.direct() }) -> n => n,
            recv(boxed) -> n => n,
            recv(inputs.locked.lock().unwrap()["rx"]) -> n => n,
        };
        count += u64::from(n.unwrap());
    }
    assert_eq!(count, 200);
    // Arms with a condition hold their temporaries through the selection too.
    for on in [false, true] {
        let n = select_biased! {
            recv(inputs.locked.lock().unwrap().get("rx").unwrap()) -> n, if on => n,
            recv([rx.clone()][0]), if !on => panic!("empty"),
            send(Some(tx.clone()).as_ref().unwrap(), 3), if !on => rx.recv(),
            after(SHORT) => None,
        };
        assert_eq!(n, (!on).then_some(3));
        assert!(inputs.locked.try_lock().is_ok());
    }
}

fn n_is_odd(n: u64) -> bool {
    n % 2 == 1
}

#[gort::test]
fn expressions_with_commas() {
    fn pick<A: Default, B>(_: B) -> A {
        A::default()
    }
    let (tx, rx) = chan::<HashMap<u8, u8>>(1);
    let (_tx, none) = chan::<u8>(1);
    let size = select! {
        send(tx, HashMap::<u8, u8>::from([(1, 2), (3, 4)])) => rx.recv().map_or(0, |map| map.len()),
        recv(none) => <HashMap<u8, u8> as IntoIterator>::into_iter(HashMap::new()).len(),
    };
    assert_eq!(size, 2);
    let sum = select! {
        after(pick::<Duration, (u8, u8)>((1, 2))) => [(1, 2), (3, 4)].iter().fold(0, |sum, (a, b)| sum + a * b),
        recv(none) -> n => usize::from(n.is_some()) | usize::from(n.is_none()),
    };
    assert_eq!(sum, 14);
    let half = select! {
        recv(none) => Box::new(|n| n) as Box<dyn Fn(u8) -> u8>,
        default => Box::new(|n: u8| n / 2) as Box<dyn Fn(u8) -> u8>
    };
    assert_eq!(half(8), 4);
    let add = select! {
        default => move |a: u8, b: u8| -> u8 { a + b },
    };
    assert_eq!(add(1, 2), 3);
}

#[gort::test]
fn bodies_without_commas() {
    let (_tx, rx) = filled([1]);
    for _ in 0..2 {
        select! {
            recv(rx) -> n => if n == Some(1) {
                assert!(rx.is_empty())
            } else {
                unreachable!()
            }
            default => match rx.len() {
                0 => {}
                _ => unreachable!(),
            }
            after(AGES) => while rx.is_empty() { gort::yield_now() }
            recv(never::<()>()), if !rx.is_empty() => {}
            recv(never::<()>()) => for n in 0..2 { assert_eq!(n, 2) }
        }
    }
    let text = select! {
        recv(rx) => { "recv" }.to_string(),
        default => { "default" }.to_string()
    };
    assert_eq!(text, "default");
}

#[gort::test]
fn patterns() {
    let (tx, rx) = filled([1, 2, 3, 4]);
    select! { recv(rx) -> _ => {} }
    select! { recv(rx) -> mut n => assert_eq!((n.take(), n), (Some(2), None)) }
    select! { recv(rx) -> ref n => assert_eq!(n, &Some(3)) }
    select! { recv(rx) -> n @ (Some(_) | None) => assert_eq!(n, Some(4)) }
    rx.close();
    select! { send(tx, 5) -> (Ok(()) | Err(SendError::<i32>(_))) => {} }
}

#[gort::test]
fn values_are_coerced() {
    let (tx, rx) = chan::<Box<dyn Display + Send>>(2);
    select! { send(tx, Box::new(5)) => {} }
    select! { send(tx, Box::new("text")), if true => {} }
    assert_eq!(format!("{} {}", rx.recv().unwrap(), rx.recv().unwrap()), "5 text");
    let text = String::from("text");
    let (tx, rx) = chan::<&str>(1);
    select! { send(&&tx, &text) => {} }
    assert_eq!(rx.recv(), Some("text"));
}

#[gort::test]
fn types_of_messages_are_inferred() {
    let (tx, rx) = chan(1);
    select! {
        recv(rx) -> n, if false => n.unwrap(),
        send(tx, Vec::new()) => Vec::<u8>::new(),
    };
    assert_eq!(rx.recv(), Some(vec![]));
}

#[gort::test]
fn names_do_not_clash() {
    #[derive(Debug, PartialEq)]
    struct Arm0(i8);
    let (value, chosen, arms, index) = (1, 2, 3, 4);
    let (sender, receiver) = chan(1);
    let (tx, rx, channel) = (-1, -2, 3);
    let sum = 'off: {
        select! {
            send(sender, Arm0(value + chosen + arms + index + tx + rx + channel)), if arms == 3 => value + chosen + arms + index,
            recv(receiver), if value == 0 => break 'off 0,
        }
    };
    assert_eq!(sum, 10);
    assert_eq!(receiver.recv(), Some(Arm0(10)));
}

#[gort::test]
fn nested() {
    let (outer_tx, outer) = filled([1]);
    let (inner_tx, inner) = filled([2]);
    let sum = select! {
        recv(outer) -> a => select! {
            recv(inner) -> b => select! {
                send(outer_tx, 4) => a.unwrap() + b.unwrap() + outer.recv().unwrap(),
                default => 100,
            },
            default => 200,
        },
        send(inner_tx, select! { default => 5 }), if select! { default => false } => 300,
    };
    assert_eq!(sum, 7);
    let head = select! {
        recv(select! { default => &inner }) => 1,
        after(select! { default => SHORT }) => 2,
    };
    assert_eq!(head, 2);
}

#[gort::test]
fn a_macro_around_it() {
    macro_rules! first {
        ($($rx:expr),+; $pattern:pat => $body:expr) => {
            select! { $(recv($rx) -> $pattern => $body,)+ }
        };
    }
    let (_tx_a, a) = chan::<u8>(1);
    let (_tx_b, b) = filled([9]);
    assert_eq!(first!(a, &b; n => n.map(|n| n + 1)), Some(10));
}

macro_rules! arms_64 {
    ($rx:ident $tx:ident $n:ident) => {
        arms_64!(@16 $rx $tx $n a b c d)
    };
    (@16 $rx:ident $tx:ident $n:ident $($letter:ident)*) => {
        select! {
            $(
                recv($rx[0]) -> m => m.map(|m| m + stringify!($letter).len()),
                send($tx[0], $n) -> r, if $n > 100 => r.ok().map(|()| 0),
                recv($rx[1]) -> m => m, after(AGES) => None,
                recv($rx[2]) -> m => m, after(AGES) => None,
                recv($rx[3]) -> m => m, after(AGES) => None,
                recv($rx[4]) -> m => m, after(AGES) => None,
                recv($rx[5]) -> m => m, send($tx[0], $n + 1), if $n > 100 => None,
                recv($rx[6]) -> m => m, recv($rx[7]) -> _ => None,
            )*
        }
    };
}

#[gort::test]
fn sixty_four_arms() {
    let (tx, rx): (Vec<_>, Vec<_>) = (0..8).map(|_| chan::<usize>(1)).unzip();
    for n in 0..7 {
        tx[n].send(n + 10).unwrap();
        let got = arms_64!(rx tx n);
        assert_eq!(got, Some(if n == 0 { 11 } else { n + 10 }));
    }
}
