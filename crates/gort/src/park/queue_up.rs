//! The wait that most of what blocks has in common: in a queue, until somebody takes one off it.

use super::queue::{WaitQueue, Waiter};
use super::{GaveUp, Limit, Outcome, Wait, gave_up};
use crate::prim::{Lock, LockGuard};

/// Queues the caller up, last, in the `queue` that is a part of what `locked` guards, gives that back, and blocks
/// until the caller is claimed.
///
/// If it gives up, or its runtime is shut down, it leaves the queue, and `leave` does what is to be done about that
/// with the lock still held; true: what was waited for has come, all the same.
#[inline]
pub(crate) fn queue_up<'a, S, P: Copy>(
    locked: LockGuard<'a, S>,
    queue: fn(&mut S) -> &mut WaitQueue<P>,
    payload: P,
    limit: Limit<'_>,
    why: Wait,
    leave: impl FnOnce(LockGuard<'a, S>) -> bool,
) -> Result<(), GaveUp> {
    gort_context::wipe_below();
    queue_up_and(locked, queue, payload, || (), limit, why, leave)
}

/// As [`queue_up`]; calls `release` when it is in the queue, before it blocks.
///
/// `release` must not block.
pub(crate) fn queue_up_and<'a, S, P: Copy>(
    mut locked: LockGuard<'a, S>,
    queue: fn(&mut S) -> &mut WaitQueue<P>,
    payload: P,
    release: impl FnOnce(),
    limit: Limit<'_>,
    why: Wait,
    leave: impl FnOnce(LockGuard<'a, S>) -> bool,
) -> Result<(), GaveUp> {
    super::with_room(|task, place| {
        let waiter = Waiter::armed_in(place, task.arm(), 0, payload);
        // SAFETY: the waiter stays until its wait is over, claimed by who has taken it off, or unlinked below.
        unsafe { queue(&mut locked).push(waiter) };
        let lock = locked.unlock();
        release();
        let outcome = limit.block(task, why);
        let is_shutdown = outcome == Outcome::SHUTDOWN;
        if !is_shutdown && !gave_up(outcome) {
            return Ok(());
        }
        let has_come = {
            let (_inside, mut locked) = lock_inside(lock);
            // SAFETY: it was put on no other queue.
            unsafe { queue(&mut locked).unlink(waiter) };
            leave(locked)
        };
        if is_shutdown {
            super::unwind();
        }
        if has_come { Ok(()) } else { Err(GaveUp) }
    })
}

/// Takes the lock inside, as who polls waits for some of these; but waits for it outside, as who has another may have been put
/// aside with it, and may need the caller's processor to give it back.
#[cfg(not(loom))]
fn lock_inside<S>(lock: &Lock<S>) -> (impl Sized, LockGuard<'_, S>) {
    let mut give_way = crate::prim::GiveWay::default();
    loop {
        {
            let inside = super::inside();
            if let Some(locked) = lock.try_lock() {
                return (inside, locked);
            }
        }
        give_way.once();
    }
}

/// In a model nobody is put aside.
#[cfg(loom)]
fn lock_inside<S>(lock: &Lock<S>) -> ((), LockGuard<'_, S>) {
    ((), lock.lock())
}
