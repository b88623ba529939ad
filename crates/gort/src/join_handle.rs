//! The handle by which a goroutine is waited for.

use crate::goroutine::GoroutineRef;
use crate::goroutine::join::{Joiner, Owner};
use crate::goroutine::panic;
use crate::goroutine::payload::{self, Panicked};
use crate::park::future::FutureTask;
use crate::park::{self, Wait};
use crate::sched::Shared;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

/// Waits for a goroutine to end and takes its result; from [`spawn`](crate::spawn()).
///
/// It works on goroutines, on plain threads, and in async code, as a future. Dropped, it leaves the
/// goroutine to itself; a panic then goes to the [panic handler](crate::set_panic_handler).
///
/// ```
/// let handle = gort::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
///
/// let handle = gort::spawn(|| if true { panic!("no") });
/// let payload = handle.join().unwrap_err();
/// assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "no");
/// ```
pub struct JoinHandle<T> {
    // Handles are on many stacks, where what lies in a slot without a value may look like a pointer into the thread's storage (see
    // `sched::home`). So each field is a word that always has one.
    /// The record; the handle's own once the goroutine has ended. `None`: its result has been taken.
    goroutine: Option<GoroutineRef>,
    id: u64,
    name: Option<Box<Name>>,
    /// Made when the handle is polled: the node that the goroutine's join word points to.
    polled: Option<Box<Polled>>,
    _result: PhantomData<T>,
}

struct Name(Arc<str>);

const GAVE_RESULT: &str = "a JoinHandle was joined or polled after it gave its result";

struct Polled {
    task: FutureTask,
    joiner: Joiner,
}

// SAFETY: the handle gives the result to whoever has it, so the result must be allowed to go there.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle only tells things about the goroutine.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// For a goroutine that was spawned to be joined, with result `T`.
    pub(crate) fn new(goroutine: GoroutineRef, name: Option<Arc<str>>) -> Self {
        JoinHandle {
            goroutine: Some(goroutine),
            id: goroutine.id.get(),
            name: name.map(|name| Box::new(Name(name))),
            polled: None,
            _result: PhantomData,
        }
    }

    /// Blocks until the goroutine has ended and returns its value.
    ///
    /// A goroutine that waits here is unwound if its own runtime is [shut down](crate::Runtime::shutdown); the one it waits
    /// for, if that is another runtime's, is then left to itself.
    ///
    /// ```
    /// let numbers: Vec<u32> = (1..=100).collect();
    /// let sum = gort::spawn(move || numbers.iter().sum::<u32>());
    /// assert_eq!(sum.join().unwrap(), 5050);
    /// ```
    ///
    /// # Errors
    /// What the goroutine panicked with; a [`Shutdown`](crate::Shutdown) if its runtime was shut down
    /// under it.
    ///
    /// # Panics
    /// If it has been polled, as a future, and has given the result.
    pub fn join(self) -> thread::Result<T> {
        self.join_as(Wait::Join)
    }

    pub(crate) fn join_as(mut self, why: Wait) -> thread::Result<T> {
        let goroutine = self.goroutine.expect(GAVE_RESULT);
        if let Some(polled) = self.polled.take() {
            Self::forget_poll(goroutine, &polled);
        }
        gort_context::wipe_below();
        if !goroutine.join().wait(why) {
            // The waiter itself is to end.
            drop(self);
            park::unwind();
        }
        self.take_result(goroutine)
    }

    /// Has the goroutine ended? Then `join` does not block.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan::<()>(0);
    /// let handle = gort::spawn(move || rx.recv());
    /// assert!(!handle.is_finished()); // it waits
    /// drop(tx);
    /// handle.join().unwrap();
    /// ```
    pub fn is_finished(&self) -> bool {
        self.goroutine.is_none_or(|goroutine| goroutine.join().is_finished())
    }

    /// The goroutine's number, unique in its runtime.
    ///
    /// ```
    /// let handle = gort::spawn(|| gort::current().id());
    /// let id = handle.id();
    /// assert_eq!(handle.join().unwrap(), id);
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name that the goroutine was given.
    ///
    /// ```
    /// let named = gort::Builder::new().name("indexer").spawn(|| gort::current().id())?;
    /// let id = named.id();
    /// assert_eq!(named.name(), Some("indexer"));
    /// assert_eq!(named.join().unwrap(), id);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| &*name.0)
    }

    /// Takes the result of the goroutine, which has ended, and frees its record, unless it is still calling a waker.
    fn take_result(&mut self, goroutine: GoroutineRef) -> thread::Result<T> {
        debug_assert!(self.is_finished());
        self.goroutine = None;
        // SAFETY: the goroutine has ended, so its payload holds the result, which is the handle's.
        let result = unsafe { payload::take::<Result<T, Panicked>>(goroutine.payload()) };
        if goroutine.join().leave() == Owner::Handle {
            Shared::free_record(goroutine);
        }
        result
    }

    /// Takes the node that was polled with out of the join word.
    fn forget_poll(goroutine: GoroutineRef, polled: &Polled) {
        if goroutine.join().take_joiner_back(&polled.joiner) {
            // Nobody reads the node any more, so nobody can claim its wait.
            polled.task.task().disarm();
        } else {
            polled.task.cancel();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = thread::Result<T>;

    /// The waker is called by the goroutine that ends. It may block; if it panics, that goes no further.
    ///
    /// # Panics
    /// If the result has been taken by an earlier poll.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let goroutine = this.goroutine.expect(GAVE_RESULT);
        if this.polled.is_none() && !goroutine.join().is_finished() {
            // First, as it is code of the user's.
            let waker = cx.waker().clone();
            let task = FutureTask::new();
            let joiner = Joiner { ticket: task.task().ticket(), is_polled: true };
            let polled = this.polled.insert(Box::new(Polled { task, joiner }));
            // Now that it has its place.
            polled.joiner.ticket = polled.task.arm(waker);
            if !goroutine.join().attach_joiner(&polled.joiner) {
                polled.task.task().disarm();
                this.polled = None;
            }
        }
        if let Some(polled) = &this.polled {
            if polled.task.poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.polled = None;
        }
        Poll::Ready(this.take_result(goroutine))
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let Some(goroutine) = self.goroutine else { return };
        if let Some(polled) = self.polled.take() {
            Self::forget_poll(goroutine, &polled);
        }
        if goroutine.join().detach() == Owner::Handle {
            let is_stopping = goroutine.shared().is_stopping();
            // The id and the name are the handle's; the goroutine is gone.
            if let Err(payload) = self.take_result(goroutine) {
                panic::report(self.id, self.name(), payload, is_stopping);
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}
