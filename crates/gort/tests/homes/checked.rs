//! Goroutines with pointers into their thread's storage.

use super::support::{LIMIT, on, within};
use super::{NUMBER, Traffic, wander, wander_off};
use gort::Runtime;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, LocalKey, ThreadId};
use std::time::Duration;

thread_local! {
    static BORROWED: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
    static OTHER: Cell<usize> = const { Cell::new(0) };
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
    key.with(|own| assert!(ptr::eq(own, variable), "another thread's"));
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
                    let pointer = NUMBER.with(ptr::from_ref);
                    for _ in 0..1_000 {
                        gort::yield_now();
                        assert_eq!(thread::current().id(), here);
                        assert_eq!(black_box(pointer), NUMBER.with(ptr::from_ref));
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
#[cfg(all(debug_assertions, target_arch = "x86_64"))]
mod what_calls_have_left {
    use super::*;
    use crate::support::yield_until;
    use std::collections::HashMap;
    use std::mem;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    #[inline(never)]
    fn leave_pointers() {
        NUMBER.with(|number| black_box([ptr::from_ref(number); 200]));
    }

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

    #[test]
    fn polling_a_future_keeps_nobody() {
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

    /// Making a map leaves some of std's.
    #[test]
    fn a_scope_keeps_nobody() {
        on(2, || {
            let traffic = Traffic::start();
            let before = thread::current().id();
            let empty = black_box(HashMap::<u32, u32>::new());
            gort::scope(|_| {
                yield_until("on another thread", || {
                    gort::sleep(Duration::from_micros(1));
                    thread::current().id() != before
                });
            });
            drop(empty);
            traffic.end();
        });
    }
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
