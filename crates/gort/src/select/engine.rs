//! How a select runs, whatever its arms are: try what looks ready, else wait with all of them.
//! The invariants S1 to S5 are told in `mod.rs`.

use super::order::{self, next_random};
use crate::chan::register::Registered;
use crate::clock::Deadline;
use crate::park::{self, Outcome, Task, Ticket, Wait};

/// One arm of a select, as the engine sees it.
///
/// Methods take `&self`, as an arm that is registered is also used by others: its waiter and its
/// slot.
pub(crate) trait RawArm {
    /// Does it seem that [`attempt`](Self::attempt) would go ahead? May say no of what has just
    /// become possible.
    fn looks_ready(&self) -> bool;

    /// As [`looks_ready`](Self::looks_ready), but misses nothing.
    fn is_ready(&self) -> bool;

    /// Goes ahead if that can be done without blocking.
    fn attempt(&self) -> bool;

    /// Puts the arm among those who wait for its channel, under `index`.
    ///
    /// # Safety
    /// The arm stays alive and in place until [`unregister`](Self::unregister) has returned, or
    /// [`win`](Self::win) may be called.
    unsafe fn register(&self, ticket: Ticket, index: usize) -> Registered;

    /// Ends the arm's registration. The wait is over, by another arm or by time.
    fn unregister(&self);

    /// The wait was claimed with this arm, so it is not registered any more.
    fn win(&self);

    /// The deadline that the arm gave when it was registered has passed: is that its turn?
    fn expire(&self) -> bool {
        self.attempt()
    }

    /// Is the arm's own time up?
    fn is_due(&self) -> bool {
        false
    }

    /// A random number, if the arm is on.
    fn random(&self) -> Option<u64>;
}

/// Some arms.
pub(super) trait Arms {
    type Arm: ?Sized + RawArm;
    fn len(&self) -> usize;
    fn arm(&self, index: usize) -> &Self::Arm;
}

/// How a wait ended.
enum Waited {
    /// With this arm, which is done.
    Won(usize),
    /// This arm is ready, but somebody may be faster.
    Try(usize),
    /// By the deadline of the whole select.
    TimedOut,
    /// By somebody who has set a timer anew: there may be another deadline now.
    Again,
}

/// Runs a select and returns the index of the arm that went ahead. `None`: none was ready until
/// `deadline`; if that is `None` too, at once.
///
/// Who has looked at the arms, which are [`FEW`], says which look [`ready`].
#[inline]
pub(super) fn run<A: Arms + ?Sized>(
    arms: &A,
    looked: Option<u32>,
    biased: bool,
    deadline: Option<Deadline>,
) -> Option<usize> {
    park::checkpoint();
    let mut tried = match looked {
        Some(ready) => try_ready(arms, ready, biased),
        None => look_and_try(arms, biased),
    };
    while tried.is_none() {
        let Some(deadline) = deadline else { return make_sure(arms) };
        tried = match park::with_task(|task| wait(task, arms, deadline)) {
            Waited::Won(index) => Some(index),
            Waited::Try(index) if arms.arm(index).expire() => Some(index),
            Waited::Try(_) | Waited::Again => look_and_try(arms, biased),
            Waited::TimedOut => break,
        };
    }
    tried
}

/// Up to this many arms are all looked at, and the choice is uniform among those that are ready.
#[cfg(not(loom))]
pub(super) const FEW: usize = 16;
#[cfg(loom)]
pub(super) const FEW: usize = 1;

/// One look at the arms, without locks; those that look ready are tried.
#[inline(never)]
fn look_and_try<A: Arms + ?Sized>(arms: &A, biased: bool) -> Option<usize> {
    let count = arms.len();
    if count <= FEW {
        return try_ready(arms, ready(count, |index| arms.arm(index).looks_ready()), biased);
    }
    let go_ahead = |&index: &usize| arms.arm(index).looks_ready() && arms.arm(index).attempt();
    if biased {
        return (0..count).find(go_ahead);
    }
    order::in_steps(count, random(arms)).find(go_ahead)
}

/// A bit for each of a few arms that looks ready.
#[inline(always)]
pub(super) fn ready(count: usize, looks_ready: impl Fn(usize) -> bool) -> u32 {
    (0..count).fold(0, |ready, index| ready | u32::from(looks_ready(index)) << index)
}

/// Tries the arms that look ready, until one has been.
///
/// All of a few arms are looked at, then one is chosen: a loop that tries them in a random order until one
/// is ready would look at fewer, but it ends at random, which a CPU predicts badly.
#[inline(always)]
fn try_ready<A: Arms + ?Sized>(arms: &A, mut ready: u32, biased: bool) -> Option<usize> {
    while ready != 0 {
        let index = if biased || ready.is_power_of_two() {
            ready.trailing_zeros() as usize
        } else {
            choose(ready, arms.len(), random(arms))
        };
        if arms.arm(index).attempt() {
            return Some(index);
        }
        ready &= !(1 << index);
    }
    None
}

pub(super) fn random<A: Arms + ?Sized>(arms: &A) -> u64 {
    (0..arms.len()).find_map(|index| arms.arm(index).random()).unwrap_or_default()
}

/// Chooses one of the bits that are set.
#[inline(always)]
fn choose(set: u32, count: usize, mut random: u64) -> usize {
    // Every bit draws a number, and the highest wins.
    let mut best = 0;
    for index in 0..count {
        let drawn = random & !0xFF | index as u64;
        best = best.max(if set >> index & 1 == 1 { drawn } else { 0 });
        random = next_random(random);
    }
    (best & 0xFF) as usize
}

/// No arm has looked ready, which says little (by S5): looks at them all again, with their locks.
#[cold]
#[inline(never)]
fn make_sure<A: Arms + ?Sized>(arms: &A) -> Option<usize> {
    let go_ahead = |&index: &usize| arms.arm(index).is_ready() && arms.arm(index).attempt();
    let index = (0..arms.len()).find(go_ahead);
    index.or_else(|| (0..arms.len()).find(|&index| arms.arm(index).is_due()))
}

/// Registers all arms and blocks until one of them is served.
#[inline(never)]
fn wait<A: Arms + ?Sized>(task: &Task, arms: &A, deadline: Deadline) -> Waited {
    let count = arms.len();
    assert!(
        count <= Outcome::MAX_ARMS,
        "a select with {count} arms: {} at most",
        Outcome::MAX_ARMS
    );
    let ticket = task.arm();
    let mut earliest = (deadline, None);
    let mut registered = 0;
    while registered < count && !task.is_claimed() {
        // SAFETY: `arms` is borrowed until this function ends, and before that all arms are
        // unregistered, except for the one that the wait was claimed with.
        match unsafe { arms.arm(registered).register(ticket, registered) } {
            Registered::Off | Registered::Waiting => {}
            Registered::Until(due) if due < earliest.0 => earliest = (due, Some(registered)),
            Registered::Until(_) => {}
            Registered::Ready => {
                // By S2 and S3: first the own wait, then the partner's.
                if task.take_back() {
                    unregister(arms, registered);
                    return Waited::Try(registered);
                }
                break; // an earlier arm was claimed
            }
        }
        registered += 1;
    }
    let outcome = park::block(task, earliest.0, Wait::Select);
    unregister(arms, registered);
    match outcome {
        // In a model, time passes as it likes.
        Outcome::TIMED_OUT if !cfg!(loom) && !earliest.0.has_passed() => Waited::Again,
        Outcome::TIMED_OUT => earliest.1.map_or(Waited::TimedOut, Waited::Try),
        Outcome::SHUTDOWN => park::unwind(),
        outcome => {
            let won = outcome.index();
            arms.arm(won).win();
            Waited::Won(won)
        }
    }
}

/// Ends the registration of the first so many arms; of the one that was claimed nothing is left of it.
#[inline(always)]
fn unregister<A: Arms + ?Sized>(arms: &A, count: usize) {
    for index in 0..count.min(arms.len()) {
        arms.arm(index).unregister();
    }
}
