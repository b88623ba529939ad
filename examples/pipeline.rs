//! A pipeline: stages that run at the same time, joined by channels, each ending when the one before
//! it has ended.
//!
//! Numbers come in, several goroutines square them, one puts them in order, one adds them up. A
//! channel with a capacity lets a stage run ahead by so many messages; full, it holds the stage back,
//! so nothing piles up.
//!
//! `cargo run --example pipeline [NUMBERS]`

use gort::chan::{Receiver, chan};
use gort::go;
use std::collections::BTreeMap;
use std::process::ExitCode;

const SQUARERS: usize = 4;

fn numbers(count: u64) -> Receiver<u64> {
    let (tx, rx) = chan(16);
    go!(move || (1..=count).try_for_each(|n| tx.send(n)));
    rx
}

/// Fans out to several goroutines that share the input, and in to one output.
fn squares(input: Receiver<u64>) -> Receiver<(u64, u64)> {
    let (tx, rx) = chan(16);
    for _ in 0..SQUARERS {
        let (input, tx) = (input.clone(), tx.clone());
        go!(move || input.iter().try_for_each(|n| tx.send((n, n * n))));
    }
    rx
}

/// Passes on in the order of the first numbers, which begin at 1.
fn in_order(input: Receiver<(u64, u64)>) -> Receiver<u64> {
    let (tx, rx) = chan(16);
    go!(move || {
        let mut early = BTreeMap::new();
        let mut next = 1;
        for (n, square) in input {
            early.insert(n, square);
            while let Some(square) = early.remove(&next) {
                next += 1;
                if tx.send(square).is_err() {
                    return;
                }
            }
        }
    });
    rx
}

#[gort::main]
fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "1000".into());
    let Ok(count @ 0..=1_000_000) = argument.parse::<u64>() else {
        eprintln!("pipeline: {argument:?} is not a number from 0 to 1000000");
        return ExitCode::FAILURE;
    };
    let mut sum = 0;
    let mut last = 0;
    for square in in_order(squares(numbers(count))) {
        assert!(square > last, "the squares come in order");
        last = square;
        sum += square;
    }
    assert_eq!(sum, count * (count + 1) * (2 * count + 1) / 6);
    println!("the sum of the first {count} squares is {sum}");
    ExitCode::SUCCESS
}
