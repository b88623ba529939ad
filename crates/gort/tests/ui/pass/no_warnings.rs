//! What the macros expand to has no warnings, however strict the user is.
#![deny(warnings, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]
#![deny(rust_2024_compatibility, unreachable_pub, unused_qualifications, let_underscore_drop)]
#![deny(missing_docs, single_use_lifetimes, trivial_casts, unused_results, unsafe_code)]

use gort::chan::chan;
use gort::{go, select, select_biased};
use std::time::Duration;

fn never() -> ! {
    select! {}
}

/// Ends at once.
#[gort::main]
pub fn main() -> Result<(), String> {
    let (tx, rx) = chan(1);
    let sender = tx.clone();
    go!(move || sender.send(vec![1]));
    go!(drop(vec![0]));
    for on in [true, false] {
        select! {
            recv(rx) -> message, if on => assert_eq!(message, Some(vec![1])),
            recv(rx), if on => {}
            send(tx, vec![2]), if !on => {}
            send(tx, vec![3]) -> result, if (!on) => if result.is_err() { never() },
            after(Duration::from_secs(60)) => return Err("late".into()),
        }
    }
    select_biased! { default => {} }
    Ok(())
}
