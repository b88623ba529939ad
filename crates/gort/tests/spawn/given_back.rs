//! The memory of stacks is given back when nobody has used them for a while.

use super::stacks::use_stack;
use crate::support::{LIMIT, assert_success, child, eventually, in_child, runtime, within};
use gort::Builder;
use gort::sync::WaitGroup;

const MB: usize = 1 << 20;

/// This process's address space, and what it takes up of memory.
fn memory() -> [usize; 2] {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let mut pages = statm.split(' ').map(|pages| pages.parse::<usize>().unwrap_or(0));
    [(); 2].map(|()| pages.next().unwrap() * 4096)
}

fn resident() -> usize {
    let [_, resident] = memory();
    resident
}

fn address_space() -> usize {
    let [address_space, _] = memory();
    address_space
}

/// So many goroutines go as deep down as that, meet, and end: what they have used is not kept for long.
fn meet_deep_down(builder: Builder, count: usize, depth: usize) {
    within(2 * LIMIT, move || {
        let runtime = runtime(1);
        runtime.run(|| ());
        let before = resident();
        runtime.run(|| {
            let group = WaitGroup::new();
            group.add(count as isize);
            let start = |_| {
                let group = group.clone();
                let meet = move || {
                    use_stack(depth);
                    group.done();
                    group.wait();
                };
                builder.clone().spawn(meet).unwrap()
            };
            let handles: Vec<_> = (0..count).map(start).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        // The processor may keep what was used of the last 64 stacks, and two pages of each stack stay.
        eventually("the memory is given back", || resident() < before + 50 * MB);
    });
}

#[test]
fn that_of_workers_to_spare() {
    if in_child() {
        return meet_deep_down(Builder::new(), 2000, 200 << 10);
    }
    assert_success(&child("given_back::that_of_workers_to_spare", |_| {}));
}

#[test]
fn that_of_stacks_of_a_size_of_ones_own() {
    if in_child() {
        return meet_deep_down(Builder::new().stack_size(64 * MB), 10, 40 * MB);
    }
    assert_success(&child("given_back::that_of_stacks_of_a_size_of_ones_own", |_| {}));
}

#[test]
fn sizes_that_are_rounded_to_the_same_share_a_pool() {
    if in_child() {
        return within(LIMIT, || {
            let runtime = runtime(2);
            runtime.run(|| ());
            let before = address_space();
            runtime.run(|| {
                for n in 1..=2000 {
                    let handle = Builder::new().stack_size((64 << 10) + n).spawn(|| ());
                    handle.unwrap().join().unwrap();
                }
            });
            let after = address_space();
            // A pool's first stacks take up 8 MiB.
            assert!(after < before + 1024 * MB, "{before} bytes, {after} afterwards");
        });
    }
    let test = "given_back::sizes_that_are_rounded_to_the_same_share_a_pool";
    // An arena of a thread takes up 64 MiB.
    let output = child(test, |command| {
        command.env("MALLOC_ARENA_MAX", "1");
    });
    assert_success(&output);
}
