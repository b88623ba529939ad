//! loom models of the channel: the real code, in all interleavings with up to three preemptions (or
//! `LOOM_MAX_PREEMPTIONS`); some seconds in all.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target-loom cargo test -p gort --lib --release models
//! ```

use super::{RecvTimeoutError, SendTimeoutError, chan};
use crate::prim::{Arc, model, thread};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// In a model, a deadline that has not passed may pass at any time.
const SOME_TIME: Duration = Duration::from_secs(3600);

fn two_senders(capacity: usize) {
    model(move || {
        let (tx, rx) = chan(capacity);
        let other = tx.clone();
        let first = thread::spawn(move || tx.send(1).unwrap());
        let second = thread::spawn(move || other.send(2).unwrap());
        let mut got = [rx.recv(), rx.recv()];
        got.sort();
        assert_eq!(got, [Some(1), Some(2)]);
        assert_eq!(rx.recv(), None);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn two_senders_meet_a_receiver() {
    two_senders(0);
}

#[test]
fn two_senders_share_a_buffer() {
    two_senders(1);
}

#[test]
fn order_is_kept_when_a_sender_waits_for_room() {
    model(|| {
        let (tx, rx) = chan(1);
        let sender = thread::spawn(move || (1..=3).for_each(|i| tx.send(i).unwrap()));
        assert_eq!([rx.recv(), rx.recv(), rx.recv()], [Some(1), Some(2), Some(3)]);
        sender.join().unwrap();
        assert_eq!(rx.recv(), None);
    });
}

#[test]
fn two_receivers_share_a_sender() {
    model(|| {
        let (tx, rx) = chan(0);
        let other = rx.clone();
        let receiver = thread::spawn(move || other.recv());
        tx.send(1).unwrap();
        tx.close();
        let got = [receiver.join().unwrap(), rx.recv()];
        assert!(got == [Some(1), None] || got == [None, Some(1)]);
    });
}

#[test]
fn close_ends_a_receive() {
    model(|| {
        let (tx, rx) = chan::<i32>(0);
        let receiver = thread::spawn(move || rx.recv());
        tx.close();
        assert_eq!(receiver.join().unwrap(), None);
        assert_eq!(tx.send(1).unwrap_err().0, 1);
    });
}

#[test]
fn close_gives_a_message_back_or_it_was_received() {
    model(|| {
        let (tx, rx) = chan(0);
        let message = std::sync::Arc::new(());
        let sent = message.clone();
        let sender = thread::spawn(move || tx.send(sent));
        let closer = rx.clone();
        let closer = thread::spawn(move || closer.close());
        let received = rx.recv();
        closer.join().unwrap();
        match (sender.join().unwrap(), received) {
            (Ok(()), Some(got)) => assert_eq!(std::sync::Arc::strong_count(&got), 2),
            (Err(back), None) => assert_eq!(std::sync::Arc::strong_count(&back.0), 2),
            (sent, received) => panic!("sent: {sent:?}, received: {received:?}"),
        }
        assert_eq!(std::sync::Arc::strong_count(&message), 1);
    });
}

#[test]
fn the_last_receiver_takes_the_messages_with_it() {
    model(|| {
        let (tx, rx) = chan(1);
        let message = std::sync::Arc::new(());
        let sent = message.clone();
        let sender = thread::spawn(move || {
            let first = tx.send(sent.clone());
            let second = tx.send(sent);
            assert!(second.is_err() && (first.is_ok() || second.is_err()));
        });
        drop(rx);
        sender.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&message), 1);
    });
}

#[test]
fn a_send_that_times_out_has_not_sent() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.send_timeout(1, SOME_TIME));
        match (rx.recv_timeout(SOME_TIME), sender.join().unwrap()) {
            (Ok(1), Ok(())) => {}
            (Err(RecvTimeoutError::Timeout), Err(SendTimeoutError::Timeout(1))) => {}
            (Err(RecvTimeoutError::Closed), Err(SendTimeoutError::Timeout(1))) => {}
            (Err(RecvTimeoutError::Timeout), Err(SendTimeoutError::Closed(1))) => {}
            other => panic!("{other:?}"),
        }
    });
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn waker() -> Waker {
    std::sync::Arc::new(Unpark(thread::current())).into()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = waker();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn futures_meet() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || block_on(tx.send_async(1)).unwrap());
        assert_eq!(block_on(rx.recv_async()), Some(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_dropped_receiving_future_loses_no_message() {
    model(|| {
        let (tx, rx) = chan(0);
        let tx = Arc::new(tx);
        let sender = {
            let tx = tx.clone();
            thread::spawn(move || tx.send(1).unwrap())
        };
        {
            let mut future = pin!(rx.recv_async());
            let waker = waker();
            if let Poll::Ready(got) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                assert_eq!(got, Some(1));
                sender.join().unwrap();
                return;
            }
        }
        assert_eq!(rx.recv(), Some(1));
        sender.join().unwrap();
        assert!(rx.try_recv().unwrap_err().is_empty());
    });
}

#[test]
fn a_dropped_future_of_a_stream_loses_no_message() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.send(1).unwrap());
        let mut stream = rx.stream();
        let waker = waker();
        let polled = pin!(stream.next()).poll(&mut Context::from_waker(&waker));
        let got = match polled {
            Poll::Ready(got) => got,
            Poll::Pending => rx.recv(), // the stream is still there, and does not have it
        };
        assert_eq!(got, Some(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_dropped_sending_future_has_sent_or_not() {
    model(|| {
        let (tx, rx) = chan(0);
        let message = std::sync::Arc::new(());
        let sent = message.clone();
        let receiver = thread::spawn(move || rx.recv());
        {
            let mut future = pin!(tx.send_async(sent));
            let waker = waker();
            let _ = future.as_mut().poll(&mut Context::from_waker(&waker));
        }
        drop(tx);
        drop(receiver.join().unwrap());
        assert_eq!(std::sync::Arc::strong_count(&message), 1);
    });
}
