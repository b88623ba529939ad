//! Goroutines that stay on their thread: locked, local, or with pointers into its storage.

#![cfg(not(feature = "threads"))] // where every goroutine has a thread of its own
#![expect(clippy::disallowed_macros, reason = "thread-locals are what is tested")]
#![allow(
    clippy::missing_const_for_thread_local,
    reason = "clippy does not see it where they are kept by key"
)]

mod support;

use gort::chan::chan;
use gort::{JoinHandle, Runtime};
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::thread::{self, LocalKey, ThreadId};
use std::time::Duration;
use support::{LIMIT, on, within, yield_until};

/// Waits until it has gone on on another thread than it was on, at most so often.
fn wander(most: usize) -> bool {
    let before = thread::current().id();
    (0..most).any(|_| {
        gort::yield_now();
        thread::current().id() != before
    })
}

/// Waits until it has gone on on another thread than it was on.
#[track_caller]
fn wander_off() {
    yield_until("on another thread", {
        let before = thread::current().id();
        move || thread::current().id() != before
    });
}

/// Goroutines that give their processors to other threads all the time: who runs there moves along.
struct Traffic {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl Traffic {
    fn start() -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let drive = |_| {
            let stop = stop.clone();
            gort::spawn(move || {
                while !stop.load(SeqCst) {
                    gort::blocking(|| thread::sleep(Duration::from_micros(20)));
                }
            })
        };
        let handles = (0..4).map(drive).collect();
        Traffic { stop, handles }
    }

    fn end(self) {
        self.stop.store(true, SeqCst);
        self.handles.into_iter().for_each(|handle| handle.join().unwrap());
    }
}

thread_local! {
    static BORROWED: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
    static NUMBER: Cell<usize> = const { Cell::new(0) };
    static OTHER: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn goroutines_wander_if_nothing_keeps_them() {
    on(2, || {
        let traffic = Traffic::start();
        wander_off();
        let builder = gort::Builder::new().stack_size(100_000); // which is rounded up
        builder.spawn(wander_off).unwrap().join().unwrap();
        traffic.end();
    });
}

/// The borrow is a reference into the thread's storage. Without the check (try
/// `without_migration_check`) the goroutine goes on on another thread now and then: that one then
/// gives the borrow of the first one back, and the first one's cell is borrowed for ever.
#[cfg(target_os = "linux")] // elsewhere std keeps such values in the heap
#[test]
fn a_borrow_of_a_thread_local_over_a_wait() {
    on(2, || {
        let traffic = Traffic::start();
        let handles: Vec<_> = (0..4)
            .map(|_| {
                gort::spawn(|| {
                    for _ in 0..500 {
                        BORROWED.with(|cell| {
                            // Others of this thread may hold it meanwhile.
                            let Ok(mut borrow) = cell.try_borrow_mut() else { return };
                            let here = thread::current().id();
                            gort::yield_now();
                            gort::yield_now();
                            borrow.push(thread::current().id());
                            assert_eq!(borrow.pop(), Some(here), "it has gone on elsewhere");
                        });
                        gort::yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        traffic.end();
    });
}

/// The compiler may compute the address of a thread-local once and use it before and after a wait.
#[test]
fn a_thread_local_before_and_after_a_wait() {
    /// In one piece, for the optimizer.
    #[inline(never)]
    fn before_and_after() {
        NUMBER.with(count);
        wander_a_while();
        NUMBER.with(|number| is_own(number, &NUMBER));
    }
    often(before_and_after);
}

/// It may keep what it computes all their addresses from: on x86-64 the thread pointer, which lies behind them. In unoptimized
/// builds it does not.
#[test]
fn one_thread_local_before_and_another_after_a_wait() {
    #[inline(never)]
    fn before_and_after() {
        NUMBER.with(count);
        wander_a_while();
        OTHER.with(|other| is_own(other, &OTHER));
    }
    often(before_and_after);
}

fn often(before_and_after: fn()) {
    on(2, move || {
        let traffic = Traffic::start();
        (0..200).for_each(|_| before_and_after());
        traffic.end();
    });
}

#[inline(never)]
fn count(number: &Cell<usize>) {
    number.set(number.get() + 1);
}

#[inline(never)]
fn wander_a_while() {
    wander(20);
}

#[inline(never)]
fn is_own(variable: &Cell<usize>, key: &'static LocalKey<Cell<usize>>) {
    key.with(|own| assert!(std::ptr::eq(own, variable), "another thread's"));
}

fn numbered(thread: ThreadId) -> usize {
    format!("{thread:?}")
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

#[cfg(target_os = "linux")] // elsewhere std keeps such values in the heap
#[test]
fn a_pointer_into_the_storage_keeps_the_goroutine_there() {
    on(2, || {
        let traffic = Traffic::start();
        let handles: Vec<_> = (0..4)
            .map(|_| {
                gort::spawn(|| {
                    let here = thread::current().id();
                    let pointer = NUMBER.with(std::ptr::from_ref);
                    for _ in 0..1_000 {
                        gort::yield_now();
                        assert_eq!(thread::current().id(), here);
                        assert_eq!(black_box(pointer), NUMBER.with(std::ptr::from_ref));
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        traffic.end();
    });
}

/// What a call has left below, a later frame may have in room that it does not use: an unoptimized build's frames, down to the
/// switch, have much of that.
#[test]
fn what_polling_a_future_has_left_keeps_nobody() {
    /// Polled twice, and leaves pointers into the thread's storage all over what is below.
    struct Leaves(bool);

    impl Future for Leaves {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            leave_pointers();
            if mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            gort::go!(move || waker.wake());
            Poll::Pending
        }
    }

    #[inline(never)]
    fn leave_pointers() {
        NUMBER.with(|number| black_box([ptr::from_ref(number); 400]));
    }

    on(2, || {
        let traffic = Traffic::start();
        yield_until("on another thread", || {
            let before = thread::current().id();
            gort::block_on(Leaves(false));
            thread::current().id() != before
        });
        traffic.end();
    });
}

/// On a stack that is not its own, of which the check knows nothing: other crates switch to some, to have more room. Nor may its
/// end be looked for where that of its own would be: a smaller one lies among others, and their guards.
#[test]
fn a_goroutine_that_waits_on_another_stack_stays() {
    on(2, || {
        let traffic = Traffic::start();
        let handles: Vec<_> = [16 << 10, 256 << 10, 1 << 20]
            .map(|size| {
                gort::spawn(move || {
                    let pool = gort_context::StackPool::new(size).unwrap();
                    let mut stack = pool.take().unwrap();
                    gort_context::on_stack(&mut stack, || {
                        let here = thread::current().id();
                        for _ in 0..1_000 {
                            gort::yield_now();
                            assert_eq!(thread::current().id(), here);
                        }
                    });
                    wander_off();
                })
            })
            .into();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        traffic.end();
    });
}

#[test]
fn in_a_runtime_without_migration_nobody_moves() {
    within(LIMIT, || {
        let runtime = Runtime::builder().processors(2).migrate(false).build().unwrap();
        runtime.run(|| {
            let traffic = Traffic::start();
            let threads = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..20)
                .map(|_| {
                    let threads = threads.clone();
                    gort::spawn(move || {
                        assert!(!wander(300));
                        gort::sleep(Duration::from_micros(100));
                        gort::blocking(|| thread::sleep(Duration::from_micros(100)));
                        assert!(!wander(30));
                        threads.fetch_or(numbered(thread::current().id()), SeqCst);
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            traffic.end();
        });
    });
}

#[test]
fn the_check_can_be_promised_away() {
    within(LIMIT, || {
        // SAFETY: `wander` asks for the thread anew each time, in a function of std's.
        let builder = unsafe { Runtime::builder().without_migration_check() };
        builder.processors(2).build().unwrap().run(|| {
            let traffic = Traffic::start();
            wander_off();
            traffic.end();
        });
    });
}

// ---- locked

#[test]
fn a_locked_goroutine_has_its_thread_for_itself() {
    on(2, || {
        let traffic = Traffic::start();
        let locked = gort::lock_thread();
        let here = thread::current().id();
        NUMBER.set(7);
        let others = gort::spawn(|| {
            for _ in 0..200 {
                assert_ne!(NUMBER.get(), 7, "on the thread of another");
                gort::yield_now();
            }
        });
        let (tx, rx) = chan(0);
        gort::go!(move || (0..100).for_each(|n| tx.send(n).unwrap()));
        for n in 0..100 {
            assert_eq!(rx.recv(), Some(n));
            assert_eq!((thread::current().id(), NUMBER.get()), (here, 7));
        }
        assert!(!wander(50));
        gort::sleep(Duration::from_micros(50));
        gort::blocking(|| thread::sleep(Duration::from_micros(50)));
        assert_eq!((thread::current().id(), NUMBER.get()), (here, 7));
        others.join().unwrap();
        NUMBER.set(0);
        drop(locked);
        traffic.end();
    });
}

#[test]
fn locks_nest() {
    on(2, || {
        let traffic = Traffic::start();
        let outer = gort::lock_thread();
        drop(gort::lock_thread());
        assert!(!wander(50));
        assert_eq!(format!("{outer:?}"), "LockedThread { .. }");
        drop(outer);
        wander_off();
        traffic.end();
    });
    drop(gort::lock_thread());
}

#[test]
fn more_locked_goroutines_than_processors() {
    on(2, || {
        let handles: Vec<_> = (0..10)
            .map(|n| {
                gort::spawn(move || {
                    let _locked = gort::lock_thread();
                    let here = thread::current().id();
                    for _ in 0..20 {
                        gort::sleep(Duration::from_micros(10 * n));
                        gort::yield_now();
                    }
                    assert_eq!(thread::current().id(), here);
                    here
                })
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
    });
}

#[test]
fn a_locked_goroutine_that_panics() {
    on(1, || {
        let handle = gort::spawn(|| {
            let _locked = gort::lock_thread();
            gort::yield_now();
            std::panic::resume_unwind(Box::new(1));
        });
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&1));
        gort::spawn(gort::yield_now).join().unwrap();
    });
}

// ---- local

#[test]
fn local_goroutines_share_what_is_not_send() {
    on(2, || {
        let traffic = Traffic::start();
        let here = thread::current().id();
        let sum = Rc::new(Cell::new(0));
        let handles: Vec<_> = (0..10)
            .map(|n| {
                let sum = sum.clone();
                gort::spawn_local(move || {
                    for _ in 0..50 {
                        sum.set(sum.get() + n);
                        gort::yield_now();
                        assert_eq!(thread::current().id(), here);
                    }
                    let inner = sum.clone();
                    gort::spawn_local(move || inner.set(inner.get() + 1)).join().unwrap();
                    Rc::new(n)
                })
            })
            .collect();
        let results: usize = handles.into_iter().map(|handle| *handle.join().unwrap()).sum();
        assert_eq!((results, sum.get(), Rc::strong_count(&sum)), (45, 45 * 50 + 10, 1));
        assert_eq!(thread::current().id(), here, "nor has the one who started them moved");
        traffic.end();
    });
}

#[test]
fn local_goroutines_wait_for_others() {
    on(2, || {
        let (tx, rx) = chan::<usize>(0);
        let echo = gort::spawn(move || rx.iter().sum::<usize>());
        let count = Rc::new(Cell::new(0));
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let (tx, count) = (tx.clone(), count.clone());
                gort::spawn_local(move || {
                    for _ in 0..100 {
                        tx.send(1).unwrap();
                        count.set(count.get() + 1);
                        gort::blocking(|| count.set(count.get() + 1));
                    }
                })
            })
            .collect();
        drop(tx);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!((echo.join().unwrap(), count.get()), (400, 800));
    });
}

#[test]
fn local_goroutines_are_dropped_at_the_end_of_the_runtime() {
    within(LIMIT, || {
        let tally = support::Tally::new();
        let runtime = Runtime::builder().processors(2).build().unwrap();
        let token = tally.token();
        let (tx, rx) = std::sync::mpsc::channel();
        drop(runtime.spawn(move || {
            let shared = Rc::new(token);
            for n in 0..4 {
                let shared = shared.clone();
                drop(gort::spawn_local(move || {
                    if n % 2 == 0 {
                        gort::sleep(Duration::MAX);
                    }
                    drop(shared);
                }));
            }
            tx.send(()).unwrap();
            gort::sleep(Duration::MAX);
        }));
        rx.recv().unwrap();
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
#[should_panic(expected = "on a plain thread, which runs no goroutines")]
fn local_goroutines_on_a_plain_thread() {
    drop(gort::spawn_local(|| ()));
}

#[cfg(target_os = "linux")] // elsewhere std keeps such values in the heap
mod audit {
    use gort::Runtime;
    use std::cell::RefCell;
    use std::hint::black_box;
    use std::rc::Rc;
    use std::time::Duration;

    thread_local! {
        static CACHED: RefCell<Option<Rc<u32>>> = const { RefCell::new(None) };
    }

    #[inline(never)]
    fn waits_with_a_value_of_the_thread() {
        let held =
            CACHED.with_borrow_mut(|cached| cached.get_or_insert_with(|| Rc::new(7)).clone());
        gort::sleep(Duration::from_micros(10));
        assert_eq!(*black_box(held), 7);
    }

    #[inline(never)]
    fn waits_with_nothing() {
        gort::sleep(Duration::from_micros(10));
    }

    #[test]
    fn the_audit_names_who_waits_with_a_value_of_the_thread() {
        if super::support::in_child() {
            let builder = Runtime::builder().processors(1).audit(true);
            builder.build().unwrap().run(|| {
                waits_with_nothing();
                waits_with_a_value_of_the_thread();
                waits_with_a_value_of_the_thread();
            });
            return;
        }
        let test = "audit::the_audit_names_who_waits_with_a_value_of_the_thread";
        let output = super::support::child(test, |_| {});
        super::support::assert_success(&output);
        let told = super::support::stderr(&output);
        assert!(told.contains("waits_with_a_value_of_the_thread"), "{told}");
        assert!(!told.contains("waits_with_nothing"), "{told}");
    }
}
