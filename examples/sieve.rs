//! The prime sieve from the Go tutorial: a chain of goroutines, one for each prime, that pass on what
//! their prime does not divide.
//!
//! `cargo run --release --example sieve [PRIMES]`

use gort::chan::{Receiver, chan};
use gort::go;
use std::process::ExitCode;

/// All numbers from 2 on.
fn numbers() -> Receiver<u64> {
    let (tx, rx) = chan(0);
    go!(move || (2..).try_for_each(|n| tx.send(n)));
    rx
}

/// What comes in, without the multiples of `prime`.
fn without_multiples(input: Receiver<u64>, prime: u64) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    go!(move || input.iter().filter(|n| n % prime != 0).try_for_each(|n| tx.send(n)));
    rx
}

#[gort::main]
fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "100".into());
    let Ok(count @ 1..=10_000) = argument.parse::<usize>() else {
        eprintln!("sieve: {argument:?} is not a number from 1 to 10000");
        return ExitCode::FAILURE;
    };
    let mut rest = numbers();
    for number in 1..=count {
        let Some(prime) = rest.recv() else { return ExitCode::FAILURE };
        if number == count {
            println!("prime number {count} is {prime}");
        }
        rest = without_multiples(rest, prime);
    }
    // The receiver is dropped, which closes the chain from its end to its beginning.
    ExitCode::SUCCESS
}
