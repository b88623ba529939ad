//! What `select!`, `go!` and the attributes do.

mod arms;
mod attributes;
mod control_flow;
mod evaluation;
mod go;
mod syntax;

use gort::chan::{Receiver, Sender, chan};
use std::time::Duration;

/// A channel of room for `messages` that holds them.
fn filled<T>(messages: impl IntoIterator<Item = T>) -> (Sender<T>, Receiver<T>) {
    let messages: Vec<T> = messages.into_iter().collect();
    let (tx, rx) = chan(messages.len());
    for message in messages {
        assert!(tx.send(message).is_ok());
    }
    (tx, rx)
}

/// Long enough that a test in which it passes has failed.
const AGES: Duration = Duration::from_secs(60);

const SHORT: Duration = Duration::from_millis(5);
