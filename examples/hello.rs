//! The smallest program: two goroutines and a channel.
//!
//! `cargo run --example hello`

use gort::{chan, go};

#[gort::main]
fn main() {
    let (tx, rx) = chan(0);
    go!(move || {
        for word in ["hello", "from", "a", "goroutine"] {
            // Waits until the receiver takes it; an error would mean that there is none any more.
            if tx.send(word).is_err() {
                return;
            }
        }
        // `tx` is dropped here. It was the last sender, so the channel is closed.
    });
    let words: Vec<_> = rx.iter().collect();
    println!("{}", words.join(" "));
}
