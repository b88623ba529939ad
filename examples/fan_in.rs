//! Fan-in: one goroutine listens to several others at once, with a time limit and a heartbeat.
//!
//! `cargo run --example fan_in`

use gort::chan::{self, Receiver, chan};
use gort::{go, select};
use std::time::Duration;

/// Sends a few readings, one every `pause`, then closes its channel.
fn sensor(name: &'static str, pause: Duration) -> Receiver<String> {
    let (tx, rx) = chan(0);
    go!(move || {
        for reading in 1..=4 {
            gort::sleep(pause);
            if tx.send(format!("{name}: reading {reading}")).is_err() {
                return;
            }
        }
    });
    rx
}

#[gort::main]
fn main() {
    let fast = sensor("fast", Duration::from_millis(10));
    let slow = sensor("slow", Duration::from_millis(25));
    let heartbeat = chan::tick(Duration::from_millis(20));
    let limit = chan::after(Duration::from_secs(5));
    let (mut fast_is_open, mut slow_is_open) = (true, true);
    let mut readings = 0;

    while fast_is_open || slow_is_open {
        // A closed channel is always ready, with `None`: the guard switches its arm off.
        select! {
            recv(fast) -> reading, if fast_is_open => match reading {
                Some(text) => { readings += 1; println!("{text}") }
                None => fast_is_open = false,
            },
            recv(slow) -> reading, if slow_is_open => match reading {
                Some(text) => { readings += 1; println!("{text}") }
                None => slow_is_open = false,
            },
            recv(heartbeat) => println!("(still listening)"),
            recv(limit) => { eprintln!("fan_in: no end after five seconds"); return }
        }
    }
    println!("{readings} readings");
}
