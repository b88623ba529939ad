//! `goroutine_local!`.

mod support;

use gort::chan::chan;
use std::cell::{Cell, RefCell};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{LIMIT, OnDrop, Tally, on, runtime, within, yield_until};

gort::goroutine_local! {
    static NUMBER: Cell<u32> = Cell::new(7);
    /// With an attribute, and another visibility.
    pub static WORDS: RefCell<Vec<String>> = RefCell::new(Vec::new());
    static TOKENS: RefCell<Vec<support::Token>> = const { RefCell::new(Vec::new()) };
    static ON_DROP: RefCell<Vec<Box<dyn std::any::Any>>> = RefCell::new(Vec::new());
    static OTHER_ON_DROP: RefCell<Vec<Box<dyn std::any::Any>>> = RefCell::new(Vec::new());
}

#[test]
fn every_goroutine_and_thread_has_its_own() {
    let check = |n: u32| {
        assert_eq!(NUMBER.get(), 7);
        for k in 0..50 {
            NUMBER.set(n + k);
            gort::yield_now();
            assert_eq!(NUMBER.get(), n + k);
            NUMBER.with(|number| {
                gort::yield_now();
                assert_eq!(number.get(), n + k);
            });
        }
        WORDS.with_borrow_mut(|words| words.push(n.to_string()));
        gort::yield_now();
        assert_eq!(WORDS.with_borrow(|words| words.join(",")), n.to_string());
        assert_eq!(WORDS.replace(vec!["b".into()]), [n.to_string()]);
        assert_eq!(WORDS.take(), ["b"]);
        WORDS.set(vec!["c".into()]);
        assert_eq!(WORDS.take(), ["c"]);
    };
    for processors in [1, 2] {
        on(processors, move || {
            let handles: Vec<_> = (0..100).map(|n| gort::spawn(move || check(n * 1000))).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            // A record that is used again has forgotten.
            assert_eq!(gort::spawn(|| NUMBER.get()).join().unwrap(), 7);
        });
    }
    thread::spawn(move || check(5)).join().unwrap();
}

#[test]
fn the_shorthands() {
    on(1, || {
        assert_eq!(NUMBER.replace(8), 7);
        assert_eq!(NUMBER.take(), 8);
        assert_eq!(NUMBER.get(), 0);
        WORDS.with_borrow_mut(|words| words.push("a".into()));
        assert_eq!(WORDS.with_borrow(Vec::len), 1);
        assert!(format!("{NUMBER:?}").contains("LocalKey"));
    });
}

#[test]
fn values_are_dropped_once_at_the_end() {
    on(2, || {
        let tally = Tally::new();
        for n in 0..100 {
            let token = tally.token();
            let handle = gort::spawn(move || {
                TOKENS.with_borrow_mut(|tokens| tokens.push(token));
                gort::yield_now();
                if n % 3 == 0 {
                    std::panic::resume_unwind(Box::new(()));
                }
            });
            assert_eq!(handle.join().is_err(), n % 3 == 0);
            assert_eq!(tally.alive(), 0, "dropped before the end is told");
        }
    });
    let tally = Tally::new();
    let token = tally.token();
    thread::spawn(move || TOKENS.with_borrow_mut(|tokens| tokens.push(token))).join().unwrap();
    assert_eq!(tally.alive(), 0);
}

#[test]
fn destructors_run_in_the_goroutine_and_may_block() {
    for processors in [1, 2] {
        on(processors, || {
            let (tx, rx) = chan(0);
            let (answer, answered) = chan(0);
            let handle = gort::spawn(move || {
                let id = gort::current().id();
                let value = OnDrop(move || {
                    assert_eq!(gort::current().id(), id);
                    gort::sleep(Duration::from_millis(1));
                    gort::yield_now();
                    tx.send(NUMBER.get()).unwrap();
                    answered.recv().unwrap();
                });
                NUMBER.set(9);
                ON_DROP.with_borrow_mut(|values| values.push(Box::new(value)));
                // Fills the place where else a wait has its waiter.
                [0x1234_5678_9abc_def0_u64; 5]
            });
            assert!(rx.recv().is_some());
            answer.send(()).unwrap();
            assert_eq!(handle.join().unwrap(), [0x1234_5678_9abc_def0; 5]);
        });
    }
}

#[test]
fn destructors_may_make_new_values() {
    on(1, || {
        let tally = Tally::new();
        let inner = tally.token();
        let handle = gort::spawn(move || {
            let mut inner = Some(inner);
            let value = OnDrop(move || {
                let inner = inner.take();
                OTHER_ON_DROP.with_borrow_mut(|values| values.push(Box::new(inner)));
            });
            ON_DROP.with_borrow_mut(|values| values.push(Box::new(value)));
        });
        handle.join().unwrap();
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn destructors_on_a_plain_thread_may_use_other_variables() {
    let tally = Tally::new();
    let (old, new) = (tally.token(), tally.token());
    let work = move || {
        OTHER_ON_DROP.with_borrow_mut(|values| values.push(Box::new(old)));
        let mut new = Some(new);
        let value = OnDrop(move || {
            let new = new.take();
            OTHER_ON_DROP.with_borrow_mut(|values| values.push(Box::new(new)));
        });
        ON_DROP.with_borrow_mut(|values| values.push(Box::new(value)));
    };
    std::thread::spawn(work).join().unwrap();
    assert_eq!(tally.alive(), 0);
}

#[test]
fn values_made_by_the_last_destructors_of_all_are_dropped_too() {
    gort::set_panic_handler(|_| {});
    on(1, || {
        let tally = Tally::new();
        for _ in 0..10 {
            // The result of a goroutine that nobody joins is dropped after its locals.
            let mut token = Some(tally.token());
            let result = OnDrop(move || {
                let token = token.take();
                TOKENS.with_borrow_mut(|tokens| tokens.extend(token));
            });
            drop(gort::spawn(move || result));
            gort::yield_now();
            yield_until("it is dropped, and by the goroutine itself", || tally.alive() == 0);
            // The payload of a panic that nobody gets.
            let mut token = Some(tally.token());
            let payload = OnDrop(move || {
                let token = token.take();
                TOKENS.with_borrow_mut(|tokens| tokens.extend(token));
            });
            gort::go!(move || std::panic::resume_unwind(Box::new(payload)));
            gort::yield_now();
            yield_until("it is dropped, and by the goroutine itself", || tally.alive() == 0);
        }
    });
}

#[test]
fn destructors_that_panic_end_nobody_else() {
    on(1, || {
        let tally = Tally::new();
        for _ in 0..20 {
            let token = tally.token();
            let handle = gort::spawn(move || {
                TOKENS.with_borrow_mut(|tokens| tokens.push(token));
                let panic = || std::panic::resume_unwind(Box::new("in a payload's destructor"));
                let payload = move || Box::new(OnDrop(panic));
                let value = OnDrop(move || std::panic::resume_unwind(payload()));
                ON_DROP.with_borrow_mut(|values| values.push(Box::new(value)));
                5
            });
            assert_eq!(handle.join().unwrap(), 5);
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn a_value_that_asks_for_itself_panics() {
    gort::goroutine_local! {
        static RECURSIVE: u32 = RECURSIVE.with(|n| n + 1);
    }
    assert!(catch_unwind(|| RECURSIVE.with(|n| *n)).is_err());
    on(1, || {
        assert!(catch_unwind(|| RECURSIVE.with(|n| *n)).is_err());
        // And no harm is done.
        assert_eq!(NUMBER.get(), 7);
        assert!(catch_unwind(|| RECURSIVE.with(|n| *n)).is_err());
    });
}

/// A destructor that makes the value anew would have that dropped, and so on, without an end.
#[test]
fn a_destructor_that_asks_for_its_own_value_panics() {
    gort::goroutine_local! {
        static OWN: OnEnd = OnEnd(|| OWN.with(|_| unreachable!()));
        /// These make each other.
        static PING: OnEnd = OnEnd(|| PONG.with(|_| ()));
        static PONG: OnEnd = OnEnd(|| PING.with(|_| unreachable!()));
        /// The older one's destructor uses the newer one, which is dropped before.
        static OLDER: OnEnd = OnEnd(|| NEWER.with(|_| ()));
        static NEWER: OnEnd = OnEnd(|| _ = NEW.fetch_add(1, SeqCst));
    }
    struct OnEnd(fn());
    impl Drop for OnEnd {
        fn drop(&mut self) {
            let own = catch_unwind(self.0);
            if let Err(payload) = own {
                let told = payload.downcast_ref::<&str>().unwrap();
                assert!(told.contains("was used in its own destructor"), "{told}");
                REFUSED.fetch_add(1, SeqCst);
            }
        }
    }
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    static NEW: AtomicUsize = AtomicUsize::new(0);
    fn work() {
        OLDER.with(|_| ());
        OWN.with(|_| ());
        NEWER.with(|_| ());
        PING.with(|_| ());
    }
    within(LIMIT, || thread::spawn(work).join().unwrap());
    assert_eq!((REFUSED.swap(0, SeqCst), NEW.swap(0, SeqCst)), (2, 2));
    on(1, || gort::spawn(work).join().unwrap());
    assert_eq!((REFUSED.swap(0, SeqCst), NEW.swap(0, SeqCst)), (2, 2));
    // A goroutine that ends with it, in a record that has been used before.
    on(1, || (0..3).for_each(|_| gort::spawn(work).join().unwrap()));
    assert_eq!((REFUSED.load(SeqCst), NEW.load(SeqCst)), (6, 6));
}

#[test]
fn a_value_whose_making_panics_is_made_anew() {
    gort::goroutine_local! {
        static TRIES: Cell<u32> = Cell::new(0);
        static THIRD: u32 = {
            TRIES.set(TRIES.get() + 1);
            if TRIES.get() < 3 {
                std::panic::resume_unwind(Box::new(()));
            }
            TRIES.get()
        };
    }
    on(1, || {
        assert!(catch_unwind(|| THIRD.with(|n| *n)).is_err());
        assert!(catch_unwind(|| THIRD.with(|n| *n)).is_err());
        assert_eq!(THIRD.with(|n| *n), 3);
        assert_eq!(THIRD.with(|n| *n), 3);
    });
}

#[test]
fn making_a_value_may_block() {
    gort::goroutine_local! {
        static SLOW: u64 = {
            gort::sleep(Duration::from_millis(1));
            gort::yield_now();
            gort::current().id()
        };
    }
    on(2, || {
        let handles: Vec<_> =
            (0..100).map(|_| gort::spawn(|| (SLOW.with(|n| *n), gort::current().id()))).collect();
        for handle in handles {
            let (made, id) = handle.join().unwrap();
            assert_eq!(made, id);
        }
    });
}

#[test]
fn a_shutdown_drops_them() {
    within(LIMIT, || {
        let tally = Tally::new();
        let runtime = runtime(2);
        let ready = Arc::new(AtomicUsize::new(0));
        for _ in 0..50 {
            let (token, ready) = (tally.token(), ready.clone());
            drop(runtime.spawn(move || {
                TOKENS.with_borrow_mut(|tokens| tokens.push(token));
                ready.fetch_add(1, SeqCst);
                gort::chan::never::<()>().recv();
            }));
        }
        support::eventually("all are there", || ready.load(SeqCst) == 50);
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
    });
}
