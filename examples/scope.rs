//! Scopes: goroutines that borrow from the function that starts them.
//!
//! `cargo run --example scope`

use std::collections::HashMap;

const TEXT: &str = "the quick brown fox jumps over the lazy dog and the dog does not mind";

/// Counts the words of a few lines, each half in a goroutine of its own.
fn count<'text>(words: &[&'text str]) -> HashMap<&'text str, usize> {
    if words.len() <= 4 {
        let mut counts = HashMap::new();
        for word in words {
            *counts.entry(*word).or_default() += 1;
        }
        return counts;
    }
    let (left, right) = words.split_at(words.len() / 2);
    gort::scope(|s| {
        // Both borrow `words`; neither outlives this call.
        let left = s.go(|| count(left));
        let right = s.go(|| count(right));
        let mut counts = left.join().expect("counting does not panic");
        for (word, n) in right.join().expect("counting does not panic") {
            *counts.entry(word).or_default() += n;
        }
        counts
    })
}

#[gort::main]
fn main() {
    let words: Vec<&str> = TEXT.split(' ').collect();
    let mut counts: Vec<_> = count(&words).into_iter().collect();
    counts.sort_by_key(|&(word, n)| (std::cmp::Reverse(n), word));
    for (word, n) in counts.into_iter().take(3) {
        println!("{n} {word}");
    }
}
