//! Very many stacks. In a process of its own, and one after the other: what is counted is the process's
//! mappings.

#![cfg(target_os = "linux")]

use std::fs;
use std::time::Instant;

use gort_context::{Guard, Options, StackPool};

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[cfg(not(feature = "threads"))]
/// A field of /proc/self/status, in bytes.
fn status(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// `GORT_CONTEXT_STACKS` sets how many; a million takes 4.7 GB.
#[test]
fn one_after_the_other() {
    let count = std::env::var("GORT_CONTEXT_STACKS").map_or(100_000, |n| n.parse().unwrap());
    suspended_contexts(count);
    mprotect_comes_to_the_kernels_limit();
}

#[cfg(not(feature = "threads"))]
fn suspended_contexts(count: usize) {
    use gort_context::{Context, Stack, init, switch};

    struct Flow {
        main: Context,
        context: Context,
        stack: Stack,
    }
    unsafe extern "C-unwind" fn park(word: *mut ()) -> ! {
        loop {
            // SAFETY: the word is the flow, which stays.
            let flow = unsafe { &mut *word.cast::<Flow>() };
            // SAFETY: whoever has switched here waits in `main`.
            unsafe { switch(&raw mut flow.context, flow.main, word) };
        }
    }

    let before = mappings();
    let pool = StackPool::new(256 << 10).unwrap();
    let mut flows: Vec<Flow> = Vec::with_capacity(count);
    let memory = status("VmRSS") + status("VmPTE");
    let start = Instant::now();
    for _ in 0..count {
        let stack = pool.take().unwrap();
        // SAFETY: the stack is kept in the flow, and nothing else runs on it.
        let context = unsafe { init(&stack, park) }.unwrap();
        flows.push(Flow { main: Context::DANGLING, context, stack });
        let flow = flows.last_mut().unwrap();
        let (main, context) = (&raw mut flow.main, flow.context);
        // SAFETY: it has not begun; the vector has room, so the flow stays where it is.
        unsafe { switch(main, context, (&raw mut *flow).cast()) };
    }
    let each = start.elapsed().as_nanos() / count as u128;
    let memory = (status("VmRSS") + status("VmPTE") - memory) / count;
    let mapped = mappings() - before;
    println!("{count} suspended contexts: {each} ns and {memory} bytes each, {mapped} mappings");
    assert!(mapped < 60);
    assert!(memory < 5000);
    for flow in &mut flows {
        let (main, context) = (&raw mut flow.main, flow.context);
        // SAFETY: it waits in its first switch.
        assert_eq!(unsafe { switch(main, context, std::ptr::null_mut()) }, (&raw mut *flow).cast());
    }
    let start = Instant::now();
    pool.put_many(flows.into_iter().map(|flow| flow.stack));
    println!("put back: {} ns each", start.elapsed().as_nanos() / count as u128);
    let start = Instant::now();
    assert_eq!(pool.trim(1000), 2 * count - 1000);
    println!("trimmed and given back: {} ns each", start.elapsed().as_nanos() / count as u128);
    drop(pool);
    assert!(mappings() <= before + 1);
}

#[cfg(feature = "threads")]
fn suspended_contexts(count: usize) {
    let before = mappings();
    let pool = StackPool::new(256 << 10).unwrap();
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, count).unwrap();
    assert!(mappings() - before < 60);
}

fn mprotect_comes_to_the_kernels_limit() {
    let limit: usize =
        fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    if limit > 1 << 20 {
        println!("vm.max_map_count is {limit}, too far away");
        return;
    }
    let before = mappings();
    let pool = Options::new(64 << 10).guard(Guard::Mprotect).build().unwrap();
    let mut stacks = Vec::with_capacity(limit);
    let start = Instant::now();
    let e = pool.take_many(&mut stacks, limit).unwrap_err();
    let live = stacks.len();
    println!(
        "{live} stacks with mprotect guards, {} ns each: {e}",
        start.elapsed().as_nanos() / live as u128
    );
    assert!(live > limit / 2 - 1000, "{live} stacks");
    assert_eq!(e.kind(), std::io::ErrorKind::OutOfMemory);
    let text = e.to_string();
    assert!(
        text.contains("vm.max_map_count") && text.contains(&format!("{live} stacks are live")),
        "{text}"
    );
    // The pool works on with those it has.
    stacks.truncate(live - 10);
    for _ in 0..10 {
        stacks.push(pool.take().unwrap());
    }
    assert!(pool.take().is_err());
    drop(stacks);
    drop(pool);
    assert!(
        mappings() <= before + 2,
        "all is given back: {} mappings, {before} before",
        mappings()
    );
}
