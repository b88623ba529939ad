//! When there are no threads left for goroutines that are threads.
#![cfg(all(target_os = "linux", feature = "threads"))]

mod support;

use std::hint::black_box;
use support::address_space::{limit_address_space, no_limit};
use support::{LIMIT, assert_success, child, in_child, within};

const MIB: usize = 1 << 20;

/// It has the stack, and not the thread. When there is one it is as large as was asked for.
#[test]
fn no_thread_for_a_stack_of_a_size_of_ones_own() {
    if in_child() {
        return within(2 * LIMIT, || {
            let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
            let runtime = builder.time_slice(LIMIT).build().unwrap();
            let used = runtime.run(|| {
                let uses =
                    || black_box(&mut [1_u8; 4 * MIB]).iter().map(|&n| n as usize).sum::<usize>();
                let large = gort::Builder::new().stack_size(64 * MIB).spawn(uses).unwrap();
                limit_address_space(32 * MIB);
                gort::yield_now();
                assert!(!large.is_finished());
                // Threads of the default size are to be had.
                (0..3).for_each(|_| gort::spawn(gort::yield_now).join().unwrap());
                assert!(!large.is_finished());
                no_limit();
                gort::spawn(|| ()).join().unwrap();
                large.join().unwrap()
            });
            assert_eq!(used, 4 * MIB);
        });
    }
    let output = child("no_thread_for_a_stack_of_a_size_of_ones_own", |command| {
        command.env("MALLOC_ARENA_MAX", "1");
    });
    assert_success(&output);
}
