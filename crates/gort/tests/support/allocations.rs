//! Busy loops that do nothing but allocate and free, while processors are taken and given: with whatever
//! allocator the test binary has.

use super::{LIMIT, within};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread;
use std::time::Duration;

/// Fills blocks of many sizes with a pattern, in an order of its own, and checks it when it frees them.
fn churn(seed: u64, rounds: &AtomicUsize, stop: &AtomicBool) {
    let mut random = seed | 1;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut blocks: Vec<Vec<u8>> = vec![Vec::new(); 64];
    while !stop.load(Relaxed) {
        let (place, length, pattern) = (next() % 64, next() % 3000, next() as u8);
        let old = std::mem::replace(&mut blocks[place], vec![pattern; length]);
        assert!(old.windows(2).all(|pair| pair[0] == pair[1]), "somebody else has written here");
        black_box(old);
        rounds.fetch_add(1, Relaxed);
    }
}

/// Eight of these on two processors, until all have had a turn, and others that come and go: their slices are over in the middle of
/// the allocator all the time.
pub fn busy_allocations() {
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(2).time_slice(Duration::from_micros(100));
        let runtime = builder.build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let rounds: Arc<[AtomicUsize; 8]> = Arc::default();
        let busy: Vec<_> = (0..rounds.len())
            .map(|n| {
                let (rounds, stop) = (rounds.clone(), stop.clone());
                runtime.spawn(move || churn(n as u64 * 0x9e37_79b9 + 1, &rounds[n], &stop))
            })
            .collect();
        // From a plain thread: a goroutine that seemed to belong to the thread of one of those would wait for ever.
        let mut short = Vec::new();
        while short.len() < 200 || rounds.iter().any(|rounds| rounds.load(Relaxed) == 0) {
            thread::sleep(Duration::from_micros(500));
            short.push(runtime.spawn(|| drop(black_box(vec![1_u8; 10_000]))));
        }
        stop.store(true, Relaxed);
        busy.into_iter().for_each(|handle| handle.join().unwrap());
        short.into_iter().for_each(|handle| handle.join().unwrap());
        assert!(runtime.stats().processors_taken > 0, "{:?}", runtime.stats());
    });
}
