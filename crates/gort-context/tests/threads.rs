//! What is particular to contexts that are threads: how a discarded one ends.

#![cfg(feature = "threads")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "tests")]
#![allow(clippy::disallowed_macros, reason = "thread-locals have destructors, too")]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use gort_context::{Context, Entry, StackPool, carried, discard, init, pass_discard, switch};

struct Flow {
    main: Context,
    other: Context,
    dropped: AtomicUsize,
}

struct CountsDrops<'a>(&'a AtomicUsize);

impl Drop for CountsDrops<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `entry` up to its first switch, then discards it; gives the number of values dropped.
fn discard_after_first_switch(entry: Entry) -> usize {
    let pool = StackPool::new(64 << 10).unwrap();
    let stack = pool.take().unwrap();
    // SAFETY: nothing else uses the stack, which is kept until the flow has been discarded.
    let other = unsafe { init(&stack, entry) }.unwrap();
    let flow = Box::into_raw(Box::new(Flow {
        main: Context::DANGLING,
        other,
        dropped: AtomicUsize::new(0),
    }));
    // SAFETY: it has not begun.
    unsafe { switch(&raw mut (*flow).main, (*flow).other, flow.cast()) };
    // SAFETY: it waits in `go_back`, and is not gone back to.
    unsafe { discard((*flow).other) };
    // SAFETY: it was a box, and its flow has ended or stands still for good.
    unsafe { Box::from_raw(flow) }.dropped.into_inner()
}

/// # Safety
/// It is the flow's other side that calls it.
unsafe fn go_back(flow: *mut Flow) {
    // SAFETY: by this function's contract the flow is there, and its test waits in `main`.
    unsafe { switch(&raw mut (*flow).other, (*flow).main, null_mut()) };
}

#[test]
fn its_frames_unwind() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        // SAFETY: the flow outlives what runs in it.
        let _value = CountsDrops(unsafe { &(*flow).dropped });
        // SAFETY: it is the flow itself that goes back.
        unsafe { go_back(flow) };
        unreachable!()
    }
    assert_eq!(discard_after_first_switch(entry), 1);
}

#[test]
fn whoever_catches_passes_it_on() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        // SAFETY: it is the flow itself that goes back.
        let caught = catch_unwind(AssertUnwindSafe(|| unsafe { go_back(flow) }));
        // SAFETY: the flow outlives what runs in it.
        let _value = CountsDrops(unsafe { &(*flow).dropped });
        drop(pass_discard(caught.unwrap_err()));
        unreachable!()
    }
    assert_eq!(discard_after_first_switch(entry), 1);
}

#[test]
fn whoever_does_not_ends_at_the_next_switch() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        loop {
            // SAFETY: the flow outlives what runs in it.
            let _value = CountsDrops(unsafe { &(*flow).dropped });
            // SAFETY: the flow outlives what runs in it.
            if unsafe { (*flow).dropped.load(Ordering::Relaxed) } == 0 {
                // SAFETY: it is the flow itself that goes back.
                drop(catch_unwind(AssertUnwindSafe(|| unsafe { go_back(flow) })));
            } else {
                // SAFETY: it is the flow itself that goes back.
                unsafe { go_back(flow) };
            }
        }
    }
    assert_eq!(discard_after_first_switch(entry), 2);
}

#[test]
fn in_the_middle_of_a_panic_it_stands_still() {
    struct GoesBack(*mut Flow);
    impl Drop for GoesBack {
        fn drop(&mut self) {
            // SAFETY: it is the flow itself that goes back.
            unsafe { go_back(self.0) };
        }
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        // SAFETY: the flow outlives what runs in it.
        let _value = CountsDrops(unsafe { &(*flow).dropped });
        let _goes_back = GoesBack(flow);
        panic_any(())
    }
    assert_eq!(discard_after_first_switch(entry), 0);
}

/// Whoever the carried word names runs on, and is not what the destructors are run by.
#[test]
fn what_its_thread_drops_at_its_end_finds_no_word() {
    static FOUND: [AtomicUsize; 2] = [const { AtomicUsize::new(usize::MAX) }; 2];
    struct Looks(usize);
    impl Drop for Looks {
        fn drop(&mut self) {
            FOUND[self.0].store(carried::get().addr(), Ordering::Relaxed);
        }
    }
    thread_local! {
        static OF_THREAD: Looks = const { Looks(1) };
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let _of_frame = Looks(0);
        OF_THREAD.with(|_| ());
        assert!(!carried::get().is_null());
        // SAFETY: it is the flow itself that goes back.
        unsafe { go_back(word.cast()) };
        unreachable!()
    }
    let mut word = ();
    // SAFETY: nobody but this test reads it.
    unsafe { carried::set(&raw mut word) };
    discard_after_first_switch(entry);
    assert_eq!(FOUND.each_ref().map(|found| found.load(Ordering::Relaxed)), [0, 0]);
    assert_eq!(carried::get(), &raw mut word);
}
