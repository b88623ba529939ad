//! Work to be done, and answers to check it by.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

/// Spreads numbers over the whole of 64 bits (splitmix64).
pub fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The sum of all numbers below `n`.
pub fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// The `n`th prime; the first is 2.
pub fn nth_prime(n: u64) -> u64 {
    let mut primes: Vec<u64> = Vec::new();
    let mut candidate = 1;
    while (primes.len() as u64) < n {
        candidate += 1;
        let mut divisors = primes.iter().take_while(|prime| **prime * **prime <= candidate);
        if divisors.all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
    }
    candidate
}

/// Uses CPU for that long, without a point at which a task could be suspended.
pub fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}

/// The `n`th Fibonacci number, the slow way.
pub fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// How many tasks `fib` takes if each call above `cut` is one.
pub fn fib_tasks(n: u64, cut: u64) -> u64 {
    if n <= cut { 0 } else { 1 + fib_tasks(n - 1, cut) + fib_tasks(n - 2, cut) }
}

/// Computes until `stop` says so, looking at it all the time but never at the runtime.
pub fn hog(stop: impl Fn() -> bool) -> u64 {
    let mut x = 1_u64;
    let mut rounds = 0;
    while !stop() {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        rounds += 1;
    }
    black_box(x);
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes() {
        assert_eq!([1, 2, 3, 4, 25].map(nth_prime), [2, 3, 5, 7, 97]);
        assert_eq!(nth_prime(2000), 17_389);
    }

    #[test]
    fn fibonacci_numbers_and_the_tasks_for_them() {
        assert_eq!(fib(20), 6765);
        assert_eq!(fib_tasks(5, 2), 4); // 5, 4, and 3 twice
    }

    #[test]
    fn sums() {
        assert_eq!([0, 1, 5].map(sum_below), [0, 0, 10]);
    }
}
