//! Select over two arms, over eight, and over many.

#![expect(
    clippy::large_stack_frames,
    reason = "clippy adds up the states of eight arms, each at its own place"
)]

use super::channels::emptied;
use super::{MOST, Path, path};
use gort::chan::{Receiver, Sender, chan};
use gort::select;
use gort::select::Select;

/// Selects over the first two, or over all eight, of these receivers; `default` if there is one.
macro_rules! select_over {
    (2, $rx:expr $(, $default:expr)?) => {
        select! {
            recv($rx[0]) -> message => message,
            recv($rx[1]) -> message => message,
            $(default => $default,)?
        }
    };
    (8, $rx:expr $(, $default:expr)?) => {
        select! {
            recv($rx[0]) -> message => message,
            recv($rx[1]) -> message => message,
            recv($rx[2]) -> message => message,
            recv($rx[3]) -> message => message,
            recv($rx[4]) -> message => message,
            recv($rx[5]) -> message => message,
            recv($rx[6]) -> message => message,
            recv($rx[7]) -> message => message,
            $(default => $default,)?
        }
    };
}

pub(super) const PATHS: &[Path] = &[
    path("select.2.ready", "two arms, of which one has messages", |n| {
        let (_tx, rx) = one_ready::<2>();
        for _ in 0..n {
            select_over!(2, rx).expect("there are messages");
        }
    }),
    path("select.2.default", "two arms, none ready, and a default", |n| {
        let (_tx, rx) = channels::<2>(1);
        for _ in 0..n {
            assert!(select_over!(2, rx, None).is_none());
        }
    }),
    path("select.2.parked", "two arms; waits until another goroutine sends and yields", |n| {
        let (tx, rx) = channels::<2>(0);
        let other = send_in_turn(tx, n);
        for _ in 0..n {
            select_over!(2, rx).expect("it is sent");
        }
        other.join().expect("it sends");
    }),
    path("select.2.send", "two arms that send, both with room", |n| {
        let (one, other) = (emptied(), emptied());
        for message in 0..n {
            select! {
                send(one.0, message) -> sent => sent,
                send(other.0, message) -> sent => sent,
            }
            .expect("they are open");
        }
    }),
    path("select.8.ready", "eight arms, of which one has messages", |n| {
        let (_tx, rx) = one_ready::<8>();
        for _ in 0..n {
            select_over!(8, rx).expect("there are messages");
        }
    }),
    path("select.8.default", "eight arms, none ready, and a default", |n| {
        let (_tx, rx) = channels::<8>(1);
        for _ in 0..n {
            assert!(select_over!(8, rx, None).is_none());
        }
    }),
    path("select.8.parked", "eight arms; waits until another goroutine sends and yields", |n| {
        let (tx, rx) = channels::<8>(0);
        let other = send_in_turn(tx, n);
        for _ in 0..n {
            select_over!(8, rx).expect("it is sent");
        }
        other.join().expect("it sends");
    }),
    path("select.64.parked", "the same with 64 arms, made at run time", |n| {
        let (tx, rx) = channels::<64>(0);
        let other = send_in_turn(tx, n);
        let mut select = Select::new();
        for rx in &rx {
            select.recv(rx);
        }
        for _ in 0..n {
            let chosen = select.select();
            let at = chosen.index();
            chosen.recv(&rx[at]).expect("it is sent");
        }
        drop(select);
        other.join().expect("it sends");
    }),
];

type Ends<const N: usize> = ([Sender<usize>; N], [Receiver<usize>; N]);

fn channels<const N: usize>(capacity: usize) -> Ends<N> {
    let ends = [(); N].map(|()| chan(capacity));
    (std::array::from_fn(|at| ends[at].0.clone()), std::array::from_fn(|at| ends[at].1.clone()))
}

/// Channels of which the one in the middle is full.
fn one_ready<const N: usize>() -> Ends<N> {
    let ends = channels::<N>(MOST);
    for message in 0..MOST {
        ends.0[N / 2].try_send(message).expect("there is room");
    }
    ends
}

/// Sends `n` messages over one channel after the other, and lets the receiver run after each.
fn send_in_turn<const N: usize>(tx: [Sender<usize>; N], n: usize) -> gort::JoinHandle<()> {
    gort::spawn(move || {
        for message in 0..n {
            tx[message % N].send(message).expect("it is open");
            gort::yield_now();
        }
    })
}
