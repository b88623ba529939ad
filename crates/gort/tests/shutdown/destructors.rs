//! What destructors do meanwhile: block, start others, panic.

use crate::support::{
    LIMIT, OnDrop, Tally, assert_success, child, eventually, in_child, runtime, stderr, within,
};
use crate::{all_shut_down, start};
use gort::Shutdown;
use gort::chan::{chan, never};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

#[test]
fn destructors_that_block_are_waited_for() {
    within(LIMIT, || {
        for processors in [1, 2] {
            let runtime = runtime(processors);
            let tally = Tally::new();
            let done = Arc::new(AtomicUsize::new(0));
            let count = done.clone();
            let handles = start(&runtime, &tally, 30, move |_token| {
                let _block = OnDrop(|| {
                    gort::sleep(Duration::from_millis(2));
                    let (tx, rx) = chan::<()>(0);
                    // It is not started any more, and dropped.
                    gort::go!(move || drop(tx));
                    assert!(rx.recv().is_none());
                    gort::yield_now();
                    count.fetch_add(1, SeqCst);
                });
                never::<()>().recv();
            });
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(done.load(SeqCst), 30);
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
        }
    });
}

#[test]
fn one_that_unwinds_from_a_panic_of_its_own_is_not_disturbed() {
    if in_child() {
        // A second panic in a destructor would abort the process.
        gort::set_panic_handler(|_| ());
        within(LIMIT, || {
            for _ in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let handles = start(&runtime, &tally, 10, |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(3));
                        gort::yield_now();
                        gort::sleep(Duration::from_millis(1));
                    });
                    std::panic::resume_unwind(Box::new("its own"));
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                for handle in handles {
                    let payload = handle.join().unwrap_err();
                    assert!(payload.downcast_ref() == Some(&"its own") || payload.is::<Shutdown>());
                }
            }
        });
        return;
    }
    assert_success(&child(
        "destructors::one_that_unwinds_from_a_panic_of_its_own_is_not_disturbed",
        |_| {},
    ));
}

#[test]
fn destructors_may_start_goroutines_and_wait_for_them() {
    if in_child() {
        gort::set_panic_handler(|_| ());
        within(LIMIT, || {
            for round in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let done = Arc::new(AtomicUsize::new(0));
                let count = done.clone();
                let handles = start(&runtime, &tally, 10, move |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(1));
                        assert_eq!(gort::run(|| 5), 5);
                        let mut borrowed = 0;
                        gort::scope(|s| {
                            s.go(|| {
                                gort::yield_now();
                                borrowed = 1;
                            });
                        });
                        assert_eq!(borrowed, 1);
                        count.fetch_add(1, SeqCst);
                    });
                    if round % 2 == 0 {
                        std::panic::resume_unwind(Box::new("its own"));
                    }
                    never::<()>().recv();
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                assert_eq!(done.load(SeqCst), 10);
                drop(handles);
            }
        });
        return;
    }
    assert_success(&child(
        "destructors::destructors_may_start_goroutines_and_wait_for_them",
        |_| {},
    ));
}

#[test]
fn destructors_around_a_nested_run_are_not_disturbed() {
    if in_child() {
        within(LIMIT, || {
            for _ in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let done = Arc::new(AtomicUsize::new(0));
                let count = done.clone();
                let handles = start(&runtime, &tally, 10, move |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(2));
                        count.fetch_add(1, SeqCst);
                    });
                    gort::run(|| {
                        let _inner = OnDrop(|| gort::sleep(Duration::from_millis(2)));
                        never::<()>().recv();
                    });
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                assert_eq!(done.load(SeqCst), 10);
                all_shut_down(handles);
            }
        });
        return;
    }
    assert_success(&child(
        "destructors::destructors_around_a_nested_run_are_not_disturbed",
        |_| {},
    ));
}

#[test]
fn one_that_blocks_in_a_destructor_when_the_end_comes() {
    within(LIMIT, || {
        for _ in 0..10 {
            let runtime = runtime(1);
            let tally = Tally::new();
            let (at, in_it) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let inside = in_it.clone();
            let handles = start(&runtime, &tally, 5, move |_token| {
                let _other = OnDrop(|| {
                    at.fetch_add(1, SeqCst);
                });
                // Not unwinding: the wait in this destructor is ended like any other.
                let block = OnDrop(|| {
                    inside.fetch_add(1, SeqCst);
                    never::<()>().recv();
                });
                drop(block);
            });
            eventually("all are in it", || in_it.load(SeqCst) == 5);
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
        }
    });
}

#[test]
fn what_destructors_spawn_is_run() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let inner = tally.clone();
        let handles = start(&runtime, &tally, 5, move |_token| {
            let _spawn = OnDrop(|| {
                for _ in 0..10 {
                    let token = inner.token();
                    gort::go!(move || drop(token));
                    let token = inner.token();
                    let child = gort::spawn(move || drop(token));
                    child.join().unwrap();
                }
            });
            never::<()>().recv();
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!((tally.made(), tally.alive()), (105, 0));
        all_shut_down(handles);
    });
}

#[test]
fn a_result_that_panics_when_dropped_does_not_stop_the_end() {
    within(LIMIT, || {
        gort::set_panic_handler(|_| ());
        let runtime = runtime(2);
        for n in 0..20 {
            let bomb = OnDrop(|| {
                if !thread::panicking() {
                    std::panic::resume_unwind(Box::new("dropped"));
                }
            });
            let handle = runtime.spawn(move || {
                if n % 2 == 0 {
                    gort::sleep(Duration::MAX);
                }
                bomb
            });
            // If it has ended already, this is where its result is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
        }
        runtime.shutdown(LIMIT).unwrap();
    });
}

/// It is not disturbed while it unwinds. If its panic is caught, it ends like any other.
#[test]
fn one_that_has_waited_in_a_panic_that_was_caught() {
    within(LIMIT, || {
        let runtime = runtime(1);
        let (caught, is_caught) = chan(0);
        let waiting = runtime.spawn(move || {
            let unwound = catch_unwind(|| {
                let _waits = OnDrop(|| gort::sleep(Duration::from_millis(1)));
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            caught.send(unwound.is_err()).unwrap();
            never::<()>().recv();
        });
        assert_eq!(is_caught.recv(), Some(true));
        runtime.shutdown(LIMIT / 2).unwrap();
        assert!(waiting.join().unwrap_err().is::<Shutdown>());
    });
}

/// Has a goroutine call `f` with something that waits, in code of the user's which others call and whose panics they catch, and
/// then wait itself. A shutdown comes meanwhile: caught there, it would not come again.
fn is_waited_for_and_then_ended(f: impl FnOnce(Box<dyn Fn() + Send + Sync>) + Send + 'static) {
    let ended_runtime = runtime(1);
    let ((begun, has_begun), (end, ends), (tell, told)) = (chan(3), chan(0), chan(2));
    let is_there = begun.clone();
    let count = Arc::new(AtomicUsize::new(0));
    let done = count.clone();
    let waits = Box::new(move || {
        begun.send(()).unwrap();
        assert!(ends.recv().is_some(), "it is not to end early");
        done.fetch_add(1, SeqCst);
    });
    let witness = || {
        let (is_there, tell) = (is_there.clone(), tell.clone());
        ended_runtime.spawn(move || {
            let _tells = OnDrop(|| tell.send(()).unwrap());
            is_there.send(()).unwrap();
            never::<()>().recv();
        })
    };
    // The shutdown looks at one after the other: when it has ended one on either side, it has looked at the one between them.
    let before = witness();
    let caller = ended_runtime.spawn(move || {
        f(waits);
        never::<()>().recv();
    });
    let after = witness();
    has_begun.iter().take(3).for_each(drop);
    let ending = thread::spawn(move || ended_runtime.shutdown(LIMIT / 2));
    told.iter().take(2).for_each(drop);
    end.send(()).unwrap();
    ending.join().unwrap().unwrap();
    assert_eq!(count.load(SeqCst), 1);
    all_shut_down(vec![before, caller, after]);
}

#[test]
fn a_destructor_of_a_call_that_is_stopped() {
    within(LIMIT, || {
        is_waited_for_and_then_ended(|waits| {
            let waits = OnDrop(waits);
            assert!(gort::time::after_func(Duration::MAX, move || drop(waits)).stop());
        });
    });
}

#[test]
fn a_panic_handler_that_is_called_where_a_handle_is_dropped() {
    if in_child() {
        within(LIMIT, || {
            is_waited_for_and_then_ended(|waits| {
                gort::set_panic_handler(move |_| waits());
                let panics = gort::spawn(|| std::panic::resume_unwind(Box::new("on purpose")));
                while !panics.is_finished() {
                    gort::yield_now();
                }
                drop(panics);
            });
        });
        return;
    }
    let output =
        child("destructors::a_panic_handler_that_is_called_where_a_handle_is_dropped", |_| {});
    assert_success(&output);
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
}

/// The runtime's threads are waited for up to their very end, which is after they have done with the runtime.
#[cfg(not(feature = "threads"))] // where goroutines have threads of their own
#[test]
fn what_threads_have_in_thread_locals_is_dropped() {
    use std::cell::RefCell;
    use std::sync::Barrier;

    struct Slow(Arc<AtomicUsize>);

    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(5));
            self.0.fetch_add(1, SeqCst);
        }
    }

    thread_local! {
        static KEPT: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }

    within(LIMIT, || {
        let runtime = runtime(2);
        let done = Arc::new(AtomicUsize::new(0));
        let all_block = Barrier::new(8);
        runtime.run(|| {
            gort::scope(|s| {
                for _ in 0..8 {
                    s.go(|| {
                        gort::blocking(|| {
                            all_block.wait();
                            KEPT.set(Some(Slow(done.clone())));
                        });
                    });
                }
            });
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(done.load(SeqCst), 8);
    });
}

/// The machine that the goroutine ran on waits for the goroutine's thread, and is waited for by who ends the runtime.
#[cfg(feature = "threads")]
#[test]
fn what_a_goroutines_thread_has_in_thread_locals_may_end_the_runtime() {
    use std::cell::RefCell;
    use std::sync::mpsc;

    struct Ends(Option<gort::Runtime>, mpsc::Sender<bool>);

    impl Drop for Ends {
        fn drop(&mut self) {
            // It is no goroutine any more, and yields as a thread does.
            gort::yield_now();
            self.0.take().unwrap().shutdown(LIMIT).unwrap();
            self.1.send(gort::try_current().is_some()).unwrap();
        }
    }

    thread_local! {
        static KEPT: RefCell<Option<Ends>> = const { RefCell::new(None) };
    }

    within(LIMIT, || {
        let runtime = runtime(1);
        let (give, given) = chan::<gort::Runtime>(0);
        let (tell, told) = mpsc::channel();
        // Whose thread is not used again.
        let handle = runtime.run(move || {
            let builder = gort::Builder::new().stack_size(128 << 10);
            builder.spawn(move || KEPT.set(Some(Ends(given.recv(), tell)))).unwrap()
        });
        give.send(runtime).unwrap();
        handle.join().unwrap();
        assert_eq!(told.recv(), Ok(false));
    });
}
