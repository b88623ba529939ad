//! When a stack is used up, each time in a process of its own.
#![cfg(not(feature = "threads"))] // where a stack is a thread, and std reports its overflow

mod support;

use std::process::Output;
use support::{child, in_child, programs, stderr};

#[inline(never)]
fn overflow(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 32]);
    if n == u64::MAX { 0 } else { frame[n as usize % 32] + overflow(n + 1) }
}

#[track_caller]
fn assert_reported(output: &Output, parts: &[&str]) {
    let told = stderr(output);
    assert!(programs::aborted(output), "{}\n{told}", output.status);
    for part in parts {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}

#[test]
fn an_overflow_names_the_goroutine_and_its_stack() {
    if in_child() {
        let handle = gort::Builder::new().name("digger").stack_size(128 << 10).spawn(|| {
            gort::yield_now();
            overflow(0)
        });
        let handle = handle.unwrap();
        eprintln!("the number is {}.", handle.id());
        let _ = handle.join();
        return;
    }
    let output = child("an_overflow_names_the_goroutine_and_its_stack", |_| {});
    let told = stderr(&output);
    let number = told.split("the number is ").nth(1).and_then(|rest| rest.split('.').next());
    assert_reported(&output, &["overflow", "digger", number.unwrap_or("?")]);
    assert!(told.contains("131072") || told.contains("128 KiB"), "the size of the stack:\n{told}");
    assert!(told.contains("overflow::overflow"), "a backtrace:\n{told}");
}

/// A blocked signal of a fault ends the process at once.
#[cfg(unix)]
#[test]
fn an_overflow_with_signals_blocked_is_reported() {
    if in_child() {
        drop(gort::spawn(|| overflow(0)).join());
        return;
    }
    let output = child("an_overflow_with_signals_blocked_is_reported", support::block_signals);
    assert_reported(&output, &["overflow", "goroutine"]);
}

#[test]
fn an_overflow_on_any_stack_and_thread_is_reported() {
    if in_child() {
        match std::env::var("WAY").unwrap().as_str() {
            "default" => drop(gort::spawn(|| overflow(0)).join()),
            "small" => {
                let builder = gort::Builder::new().stack_size(16 << 10);
                drop(builder.spawn(|| overflow(0)).unwrap().join());
            }
            "stolen" => {
                // After it has moved to another machine, which is new.
                let runtime = gort::Runtime::builder().processors(4).build().unwrap();
                runtime.run(|| {
                    gort::scope(|s| {
                        for n in 0..64 {
                            s.go(move || {
                                (0..n).for_each(|_| gort::yield_now());
                                if n == 63 { overflow(0) } else { 0 }
                            });
                        }
                    });
                });
            }
            "destructor" => {
                let body = || {
                    let _deep = support::OnDrop(|| assert_ne!(overflow(0), 1));
                    std::panic::resume_unwind(Box::new(()));
                };
                drop(gort::spawn(body).join());
            }
            way => unreachable!("{way}"),
        }
        return;
    }
    for way in ["default", "small", "stolen", "destructor"] {
        let output = child("an_overflow_on_any_stack_and_thread_is_reported", |command| {
            command.env("WAY", way);
        });
        assert_reported(&output, &["overflow", "goroutine"]);
    }
}

/// Windows' threads commit their stacks otherwise under an emulator, where this hangs.
#[cfg(unix)]
#[test]
fn a_plain_threads_overflow_is_still_stds() {
    if in_child() {
        gort::run(|| ());
        std::thread::Builder::new().name("plain".into()).spawn(|| overflow(0)).unwrap().join().ok();
        return;
    }
    let output = child("a_plain_threads_overflow_is_still_stds", |_| {});
    assert_reported(&output, &["plain", "overflowed its stack"]);
}
