//! A place where a number of goroutines wait for each other.
//!
//! `generation` tells a waiter that gives up whether it was too late for that: whoever completes a generation has
//! counted it, so it has got through.

#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::WaitQueue;
use crate::park::{GaveUp, Limit, Outcome, Wait, queue_up};
use crate::prim::Lock;
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

/// Lets goroutines and threads go on when a number of them have come; like `std::sync::Barrier`.
///
/// It may be used again and again.
///
/// ```
/// use gort::sync::{Barrier, WaitGroup};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// let barrier = Arc::new(Barrier::new(3));
/// let arrived = Arc::new(AtomicU32::new(0));
/// let group = WaitGroup::new();
/// for _ in 0..3 {
///     let (barrier, arrived) = (barrier.clone(), arrived.clone());
///     group.go(move || {
///         arrived.fetch_add(1, Relaxed);
///         barrier.wait();
///         assert_eq!(arrived.load(Relaxed), 3);
///     });
/// }
/// group.wait();
/// ```
pub struct Barrier {
    room: Lock<Room>,
    size: usize,
}

struct Room {
    arrived: usize,
    generation: usize,
    waiters: WaitQueue<()>,
}

/// Was it this caller that completed the number? From [`Barrier::wait`].
///
/// ```
/// use gort::sync::Barrier;
///
/// let barrier = Barrier::new(2);
/// let leaders = gort::scope(|s| {
///     let other = s.go(|| barrier.wait().is_leader());
///     u32::from(barrier.wait().is_leader()) + u32::from(other.join().unwrap())
/// });
/// assert_eq!(leaders, 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// True for one of those who have got through together: the last one that came.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

// Nothing of it is left half done by a panic.
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl Barrier {
    crate::prim::const_fn! {
        /// A barrier for `n` at a time; zero is as one, and holds up nobody.
        pub fn new(n: usize) -> Barrier {
            let room = Room { arrived: 0, generation: 0, waiters: WaitQueue::new() };
            Barrier { room: Lock::new(room), size: n }
        }
    }

    /// Blocks until as many as the barrier is for have come, with this one.
    ///
    /// ```
    /// use gort::sync::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// gort::scope(|s| {
    ///     s.go(|| (0..3).for_each(|_| drop(barrier.wait())));
    ///     (0..3).for_each(|_| drop(barrier.wait())); // round by round
    /// });
    /// ```
    pub fn wait(&self) -> BarrierWaitResult {
        self.wait_limited(Limit::NEVER).expect("a wait without a limit ends when all have come")
    }

    fn wait_limited(&self, limit: Limit<'_>) -> Result<BarrierWaitResult, GaveUp> {
        let mut room = self.room.lock();
        room.arrived += 1;
        if room.arrived >= self.size {
            room.arrived = 0;
            room.generation = room.generation.wrapping_add(1);
            let claims = room.waiters.claim_all(Outcome::arm(0));
            drop(room);
            claims.wake();
            return Ok(BarrierWaitResult(true));
        }
        let generation = room.generation;
        queue_up(
            room,
            |room| &mut room.waiters,
            (),
            limit,
            Wait::Barrier,
            |mut room| {
                let is_through = room.generation != generation;
                if !is_through {
                    room.arrived -= 1;
                }
                is_through
            },
        )?;
        Ok(BarrierWaitResult(false))
    }
}

#[cfg(not(loom))]
impl Barrier {
    /// As [`wait`](Self::wait), for at most `timeout`. Who gives up counts no more.
    ///
    /// ```
    /// use gort::sync::Barrier;
    /// use std::time::Duration;
    ///
    /// assert!(Barrier::new(2).wait_timeout(Duration::from_millis(1)).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if too few have come in time.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, Elapsed> {
        self.wait_limited(Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `deadline`. Who gives up counts no more.
    ///
    /// ```
    /// use gort::sync::Barrier;
    /// use std::time::Instant;
    ///
    /// let barrier = Barrier::new(2);
    /// assert!(barrier.wait_deadline(Instant::now()).is_err());
    /// assert!(barrier.wait_deadline(Instant::now()).is_err()); // the one before has left
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if too few have come by then.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<BarrierWaitResult, Elapsed> {
        self.wait_limited(Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `context` is done. Who gives up counts no more.
    ///
    /// ```
    /// use gort::{context, sync::Barrier};
    ///
    /// let barrier = Barrier::new(2);
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(barrier.wait_context(&ctx).unwrap_err(), context::ContextError::Cancelled);
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before enough have come.
    pub fn wait_context(&self, context: &Context) -> Result<BarrierWaitResult, ContextError> {
        self.wait_limited(context.limit()).map_err(|GaveUp| context.ended())
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.room.lock().arrived;
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("arrived", &arrived)
            .finish_non_exhaustive()
    }
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with one that gives up always, or never, counted as gone.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::model;
    use crate::prim::{Arc, thread};
    use std::time::Duration;

    #[test]
    fn one_of_each_generation_leads() {
        model(|| {
            let barrier = Arc::new(Barrier::new(2));
            let other = {
                let barrier = barrier.clone();
                thread::spawn(move || [0, 1].map(|_| barrier.wait().is_leader()))
            };
            let mine = [0, 1].map(|_| barrier.wait().is_leader());
            let theirs = other.join().unwrap();
            assert!(mine[0] != theirs[0] && mine[1] != theirs[1]);
        });
    }

    /// Who has given up was not counted, and who was counted has not given up.
    #[test]
    fn giving_up_is_all_or_nothing() {
        model(|| {
            let barrier = Arc::new(Barrier::new(2));
            let others = [0, 1].map(|_| {
                let barrier = barrier.clone();
                thread::spawn(move || {
                    barrier.wait_limited(Limit::after(Duration::from_secs(3600))).is_ok()
                })
            });
            let through = others.map(|other| other.join().unwrap());
            assert_eq!(through[0], through[1]);
            assert_eq!(barrier.room.lock().arrived, 0);
        });
    }
}
