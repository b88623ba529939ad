//! Something that is done once, while others wait; std's, but waiting parks the goroutine.
//!
//! | state | meaning |
//! |---|---|
//! | `NEW` | nobody has begun |
//! | `RUNNING` | somebody is at it, who is named under the lock |
//! | `POISONED` | the last one who began has panicked |
//! | `DONE` | it is done, and what it did is seen by whoever loads this |
//!
//! The state changes with the lock held, so whoever finds it unfinished there and queues up is found by
//! the one who finishes. `tests` below holds the loom models.

#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::WaitQueue;
use crate::park::{Caller, GaveUp, Limit, Outcome, Wait, caller, queue_up};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU8, Ordering::*};
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

const NEW: u8 = 0;
const RUNNING: u8 = 1;
const POISONED: u8 = 2;
const DONE: u8 = 3;

/// Has a function called once, by the first who comes, while others wait; like `std::sync::Once` and Go's
/// `sync.Once`.
///
/// To keep a value that is made once, there are [`OnceLock`](super::OnceLock) and [`LazyLock`](super::LazyLock).
///
/// ```
/// use gort::sync::{Once, WaitGroup};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static SET_UP: Once = Once::new();
/// static CALLS: AtomicU32 = AtomicU32::new(0);
///
/// let group = WaitGroup::new();
/// for _ in 0..10 {
///     group.go(|| SET_UP.call_once(|| _ = CALLS.fetch_add(1, Relaxed)));
/// }
/// group.wait();
/// assert_eq!(CALLS.load(Relaxed), 1);
/// ```
pub struct Once {
    state: AtomicU8,
    room: Lock<Room>,
}

struct Room {
    /// Who is at it.
    runner: Option<Caller>,
    waiters: WaitQueue<()>,
}

/// What [`Once::call_once_force`] tells its function.
///
/// ```
/// let once = gort::sync::Once::new();
/// once.call_once_force(|state| assert!(!state.is_poisoned())); // nobody has panicked
/// ```
#[derive(Debug)]
pub struct OnceState {
    poisoned: bool,
    /// What the state becomes.
    becomes: Cell<u8>,
}

impl OnceState {
    /// Has an earlier function panicked?
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// It is to be as if nobody had begun.
    pub(super) fn undo(&self) {
        self.becomes.set(NEW);
    }
}

// A panic poisons it.
impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

impl Once {
    crate::prim::const_fn! {
        /// One that nobody has called yet.
        pub fn new() -> Once {
            let room = Room { runner: None, waiters: WaitQueue::new() };
            Once { state: AtomicU8::new(NEW), room: Lock::new(room) }
        }
    }

    /// Calls `f`, if nobody has called a function here before. If another is at it, blocks until that has
    /// returned. So when this returns, a function has been called, and what it did is seen.
    ///
    /// ```
    /// use gort::sync::Once;
    ///
    /// static ONCE: Once = Once::new();
    /// ONCE.call_once(|| println!("now"));
    /// ONCE.call_once(|| unreachable!("it has been done"));
    ///
    /// static SPOILT: Once = Once::new();
    /// assert!(gort::spawn(|| SPOILT.call_once(|| panic!("half done"))).join().is_err());
    /// assert!(gort::spawn(|| SPOILT.call_once(|| ())).join().is_err()); // nobody may rely on it
    /// ```
    ///
    /// # Panics
    /// If `f` does, which poisons the `Once`; if it is poisoned; if `f` itself comes back here, which would have to
    /// wait for itself.
    #[inline]
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            let _never_given_up = self.call(false, Limit::NEVER, |_| f());
        }
    }

    /// As [`call_once`](Self::call_once), also if it is poisoned: it is not any more if `f` returns.
    ///
    /// ```
    /// use gort::sync::Once;
    ///
    /// static ONCE: Once = Once::new();
    /// assert!(gort::spawn(|| ONCE.call_once(|| panic!("not this time"))).join().is_err());
    /// ONCE.call_once_force(|state| assert!(state.is_poisoned()));
    /// assert!(ONCE.is_completed());
    /// ```
    ///
    /// # Panics
    /// If `f` does; if `f` itself comes back here.
    #[inline]
    #[track_caller]
    pub fn call_once_force(&self, f: impl FnOnce(&OnceState)) {
        if !self.is_completed() {
            let _never_given_up = self.call(true, Limit::NEVER, f);
        }
    }

    /// Has a function been called, and returned?
    ///
    /// ```
    /// let once = gort::sync::Once::new();
    /// once.call_once(|| assert!(!once.is_completed())); // not yet
    /// assert!(once.is_completed());
    /// ```
    #[inline(always)]
    pub fn is_completed(&self) -> bool {
        self.state.load(Acquire) == DONE
    }

    /// Blocks until a function has been called, by others.
    ///
    /// ```
    /// use gort::sync::Once;
    ///
    /// static LISTENING: Once = Once::new();
    /// gort::go!(|| LISTENING.call_once(|| println!("listening")));
    /// LISTENING.wait(); // does not do it itself
    /// assert!(LISTENING.is_completed());
    /// ```
    ///
    /// # Panics
    /// If it is, or gets, poisoned; within the function that is to be waited for.
    #[track_caller]
    pub fn wait(&self) {
        let _never_given_up = self.wait_limited(false, Limit::NEVER);
    }

    /// As [`wait`](Self::wait), but goes on waiting if it is poisoned, for one who
    /// [tries again](Self::call_once_force).
    ///
    /// ```
    /// use gort::sync::Once;
    ///
    /// static ONCE: Once = Once::new();
    /// assert!(gort::spawn(|| ONCE.call_once(|| panic!("not this time"))).join().is_err());
    /// assert!(gort::spawn(|| ONCE.wait()).join().is_err());
    /// gort::go!(|| ONCE.call_once_force(|_| println!("now")));
    /// ONCE.wait_force();
    /// assert!(ONCE.is_completed());
    /// ```
    ///
    /// # Panics
    /// Within the function that is to be waited for.
    #[track_caller]
    pub fn wait_force(&self) {
        let _never_given_up = self.wait_limited(true, Limit::NEVER);
    }

    /// Calls `f` unless it is done. `Err`: another is at it, and the limit was reached.
    #[cold]
    #[track_caller]
    pub(super) fn call(
        &self,
        ignore_poison: bool,
        limit: Limit<'_>,
        f: impl FnOnce(&OnceState),
    ) -> Result<(), GaveUp> {
        let poisoned = loop {
            let mut room = self.room.lock();
            match self.state.load(Acquire) {
                DONE => return Ok(()),
                POISONED if !ignore_poison => {
                    drop(room);
                    panic!("gort: a Once was called whose function has panicked");
                }
                RUNNING => self.queue_up(room, limit)?,
                state => {
                    room.runner = Some(caller());
                    self.state.store(RUNNING, Relaxed);
                    break state == POISONED;
                }
            }
        };
        /// Ends the turn, also if `f` panics.
        struct Turn<'a>(&'a Once, OnceState);
        impl Drop for Turn<'_> {
            fn drop(&mut self) {
                self.0.finish(self.1.becomes.get());
            }
        }
        let turn = Turn(self, OnceState { poisoned, becomes: Cell::new(POISONED) });
        f(&turn.1);
        if turn.1.becomes.get() == POISONED {
            turn.1.becomes.set(DONE);
        }
        Ok(())
    }

    fn finish(&self, state: u8) {
        let claims = {
            let mut room = self.room.lock();
            room.runner = None;
            self.state.store(state, Release);
            room.waiters.claim_all(Outcome::arm(0))
        };
        claims.wake();
    }

    #[track_caller]
    pub(super) fn wait_limited(&self, ignore_poison: bool, limit: Limit<'_>) -> Result<(), GaveUp> {
        while !self.is_completed() {
            let room = self.room.lock();
            match self.state.load(Acquire) {
                DONE => break,
                POISONED if !ignore_poison => {
                    drop(room);
                    panic!("gort: waited for a Once whose function has panicked");
                }
                _ => self.queue_up(room, limit)?,
            }
        }
        Ok(())
    }

    /// Waits for the state to change.
    #[track_caller]
    fn queue_up(
        &self,
        room: crate::prim::LockGuard<'_, Room>,
        limit: Limit<'_>,
    ) -> Result<(), GaveUp> {
        if room.runner.as_ref() == Some(&caller()) {
            drop(room);
            panic!("gort: the function of a Once has come back to it, and would wait for itself");
        }
        queue_up(room, |room| &mut room.waiters, (), limit, Wait::Once, |_| false)
    }
}

#[cfg(not(loom))]
impl Once {
    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let once = gort::sync::Once::new();
    /// assert!(once.wait_timeout(Duration::from_millis(1)).is_err());
    /// once.call_once(|| ());
    /// assert!(once.wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if no function has been called in time.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), Elapsed> {
        self.wait_limited(false, Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `deadline`.
    ///
    /// # Errors
    /// [`Elapsed`] if no function has been called by then.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), Elapsed> {
        self.wait_limited(false, Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `context` is done.
    ///
    /// ```
    /// use gort::{context, sync::Once};
    ///
    /// let once = Once::new();
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(once.wait_context(&ctx), Err(context::ContextError::Cancelled));
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before a function has been called.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_context(&self, context: &Context) -> Result<(), ContextError> {
        self.wait_limited(false, context.limit()).map_err(|GaveUp| context.ended())
    }
}

impl Default for Once {
    fn default() -> Self {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("is_completed", &self.is_completed()).finish_non_exhaustive()
    }
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with `Relaxed` in `finish`; without waking those who wait.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::Arc;
    use crate::prim::model::{Number, model, spawn};
    use std::time::Duration;

    /// A number that is set once.
    struct Guarded {
        once: Once,
        number: Number,
    }

    impl Guarded {
        fn get_or_set(&self) -> u32 {
            self.once.call_once(|| self.number.add());
            self.number.get()
        }
    }

    fn guarded() -> Arc<Guarded> {
        Arc::new(Guarded { once: Once::new(), number: Number::new() })
    }

    #[test]
    fn one_sets_it_and_all_see_it() {
        model(|| {
            let guarded = guarded();
            let set = |guarded: &Guarded| assert_eq!(guarded.get_or_set(), 1);
            let others = [0, 1].map(|_| spawn(&guarded, set));
            set(&guarded);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }

    /// One who undoes it leaves it to those who wait, and one who gives up takes nothing with it.
    #[test]
    fn who_waits_takes_over() {
        model(|| {
            let guarded = guarded();
            let other = spawn(&guarded, |guarded| assert_eq!(guarded.get_or_set(), 1));
            let hasty = spawn(&guarded, |guarded| {
                let limit = Limit::after(Duration::from_secs(3600));
                if guarded.once.wait_limited(false, limit).is_ok() {
                    assert_eq!(guarded.number.get(), 1);
                }
            });
            let _never_given_up = guarded.once.call(false, Limit::NEVER, |state| state.undo());
            other.join().unwrap();
            hasty.join().unwrap();
        });
    }
}
