//! Leaving the processor to another.

use super::{MOST, Path, Place, path};
use gort::sync::Notify;
use gort_context::{Context, StackPool, init};
use std::cell::Cell;
use std::sync::Arc;

pub(super) const PATHS: &[Path] = &[
    Path {
        name: "switch",
        about: "from one context to another, without a runtime",
        place: Place::Thread,
        most: MOST,
        run: switch,
    },
    path("yield.alone", "yield_now, and nobody else is there", |n| {
        for _ in 0..n {
            gort::yield_now();
        }
    }),
    path("yield.other", "yield_now, and another goroutine runs", |n| {
        let other = gort::spawn(move || turns(n / 2));
        turns(n / 2);
        other.join().expect("it yields");
    }),
    path(
        "park.ready",
        "wakes another goroutine by a Notify, and waits for it to do the same",
        |n| {
            let ping = Arc::new(Notify::new());
            let pong = Arc::new(Notify::new());
            let other = gort::spawn({
                let (ping, pong) = (ping.clone(), pong.clone());
                move || {
                    for _ in 0..n / 2 {
                        ping.wait();
                        pong.notify_one();
                    }
                }
            });
            for _ in 0..n / 2 {
                ping.notify_one();
                pong.wait();
            }
            other.join().expect("it answers");
        },
    ),
    path("blocking", "blocking, with nobody who waits for the processor", |n| {
        for _ in 0..n {
            gort::blocking(|| ());
        }
    }),
];

fn turns(n: usize) {
    for _ in 0..n {
        gort::yield_now();
    }
}

/// Two flows that switch to each other.
struct Pair {
    main: Cell<Context>,
    other: Cell<Context>,
}

fn switch(n: usize) {
    let stack = StackPool::new(64 << 10).and_then(|pool| pool.take()).expect("a stack");
    // SAFETY: the stack is ours, and stays until the process ends.
    let other = unsafe { init(&stack, come_back) }.expect("a context");
    let pair = Pair { main: Cell::new(Context::DANGLING), other: Cell::new(other) };
    let word = (&raw const pair).cast_mut().cast();
    for _ in 0..n / 2 {
        // SAFETY: the other flow is suspended; it only looks at the pair, which is there as long as it is.
        unsafe { gort_context::switch(pair.main.as_ptr(), pair.other.get(), word) };
    }
    std::mem::forget(stack);
}

unsafe extern "C-unwind" fn come_back(word: *mut ()) -> ! {
    // SAFETY: the word is the pair, which stays while this flow is resumed.
    let pair = unsafe { &*word.cast::<Pair>() };
    loop {
        // SAFETY: the main flow is suspended: it has just switched here.
        unsafe { gort_context::switch(pair.other.as_ptr(), pair.main.get(), word) };
    }
}
