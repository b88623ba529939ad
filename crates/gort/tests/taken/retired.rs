//! Threads that were not needed for ten seconds end. What their `thread_local!`s hold is dropped at the very end.

use crate::build;
use crate::support::{LIMIT, eventually, within};
use gort::Runtime;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};

/// Needs so many threads at once.
fn block_all(runtime: &Runtime, then: impl Fn() + Sync) {
    const THREADS: usize = 6;
    let all_block = Barrier::new(THREADS);
    let block = || {
        gort::blocking(|| {
            all_block.wait();
            then();
        });
    };
    runtime.run(|| gort::scope(|s| (0..THREADS).for_each(|_| drop(s.go(block)))));
}

/// A destructor may have to wait for whoever starts the next thread.
#[test]
fn nobody_waits_for_a_thread_that_was_not_needed_any_more() {
    struct Locks(Arc<Mutex<()>>, Arc<AtomicUsize>);

    impl Drop for Locks {
        fn drop(&mut self) {
            self.1.fetch_add(1, SeqCst);
            let _held = self.0.lock();
            self.1.fetch_sub(1, SeqCst);
        }
    }

    thread_local! {
        static KEPT: RefCell<Option<Locks>> = const { RefCell::new(None) };
    }

    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1));
        let (lock, waiting) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
        let held = lock.lock().unwrap();
        block_all(&runtime, || KEPT.set(Some(Locks(lock.clone(), waiting.clone()))));
        eventually("one of them ends", || waiting.load(SeqCst) > 0);
        block_all(&runtime, || ());
        assert!(waiting.load(SeqCst) > 0);
        drop(held);
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(waiting.load(SeqCst), 0);
    });
}

/// The last handle of a runtime may be dropped by a thread of its own that was not needed any more, which nobody may wait for then.
#[test]
fn a_thread_that_was_not_needed_any_more_drops_the_runtime() {
    struct Drops(Arc<Mutex<Option<Runtime>>>, Arc<AtomicBool>);

    impl Drop for Drops {
        fn drop(&mut self) {
            let runtime = self.0.lock().unwrap().take();
            if runtime.is_some() {
                drop(runtime);
                self.1.store(true, SeqCst);
            }
        }
    }

    thread_local! {
        static KEPT: RefCell<Option<Drops>> = const { RefCell::new(None) };
    }

    let (last, is_dropped) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let runtime = build(|builder| builder.processors(1));
    block_all(&runtime, || KEPT.set(Some(Drops(last.clone(), is_dropped.clone()))));
    *last.lock().unwrap() = Some(runtime);
    eventually("one of them drops it", || is_dropped.load(SeqCst));
    eventually("all threads end", || Arc::strong_count(&last) == 1);
}
