//! What is particular to contexts that are threads: how a discarded one ends.

#![cfg(feature = "threads")]
#![expect(clippy::undocumented_unsafe_blocks, reason = "tests")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use gort_context::{Context, Entry, StackPool, discard, init, pass_discard, switch};

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
    let other = unsafe { init(&stack, entry) }.unwrap();
    let flow = Box::into_raw(Box::new(Flow {
        main: Context::DANGLING,
        other,
        dropped: AtomicUsize::new(0),
    }));
    unsafe { switch(&raw mut (*flow).main, (*flow).other, flow.cast()) };
    unsafe { discard((*flow).other) };
    unsafe { Box::from_raw(flow) }.dropped.into_inner()
}

unsafe fn go_back(flow: *mut Flow) {
    unsafe { switch(&raw mut (*flow).other, (*flow).main, null_mut()) };
}

#[test]
fn its_frames_unwind() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        let _value = CountsDrops(unsafe { &(*flow).dropped });
        unsafe { go_back(flow) };
        unreachable!()
    }
    assert_eq!(discard_after_first_switch(entry), 1);
}

#[test]
fn whoever_catches_passes_it_on() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        let caught = catch_unwind(AssertUnwindSafe(|| unsafe { go_back(flow) }));
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
            let _value = CountsDrops(unsafe { &(*flow).dropped });
            if unsafe { (*flow).dropped.load(Ordering::Relaxed) } == 0 {
                drop(catch_unwind(AssertUnwindSafe(|| unsafe { go_back(flow) })));
            } else {
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
            unsafe { go_back(self.0) };
        }
    }
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let flow = word.cast::<Flow>();
        let _value = CountsDrops(unsafe { &(*flow).dropped });
        let _goes_back = GoesBack(flow);
        panic_any(())
    }
    assert_eq!(discard_after_first_switch(entry), 0);
}
