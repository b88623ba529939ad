//! How a select runs, whatever its arms are: try what looks ready, else wait with all of them.
//! The invariants S1 to S5 are told in `mod.rs`.

use super::order::{self, next_random};
use crate::chan::core::Registered;
use crate::clock::Deadline;
use crate::park::{self, Outcome, Ticket, Wait};

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
#[inline]
pub(super) fn run<A: Arms + ?Sized>(
    arms: &A,
    biased: bool,
    deadline: Option<Deadline>,
) -> Option<usize> {
    park::checkpoint();
    loop {
        if let Some(index) = try_what_looks_ready(arms, biased) {
            return Some(index);
        }
        let Some(deadline) = deadline else { return make_sure(arms) };
        match wait(arms, deadline) {
            Waited::Won(index) => return Some(index),
            Waited::Try(index) if arms.arm(index).expire() => return Some(index),
            Waited::Try(_) | Waited::Again => {}
            Waited::TimedOut => return None,
        }
    }
}

/// Up to this many arms are all looked at, and the choice is uniform among those that are ready.
#[cfg(not(loom))]
pub(super) const FEW: usize = 16;
#[cfg(loom)]
pub(super) const FEW: usize = 1;

/// One look at the arms, without locks; those that look ready are tried.
#[inline(always)]
fn try_what_looks_ready<A: Arms + ?Sized>(arms: &A, biased: bool) -> Option<usize> {
    let count = arms.len();
    let go_ahead = |&index: &usize| arms.arm(index).looks_ready() && arms.arm(index).attempt();
    if biased || count <= 1 {
        return (0..count).find(go_ahead);
    }
    if count > FEW {
        return order::in_steps(count, random(arms)).find(go_ahead);
    }
    // All arms are looked at, then one is chosen: a loop that tries them in a random order until one
    // is ready would look at fewer, but it ends at random, which a CPU predicts badly.
    let ready = (0..count).fold(0, |ready, i| ready | u32::from(arms.arm(i).looks_ready()) << i);
    let index = if ready.is_power_of_two() {
        ready.trailing_zeros() as usize
    } else if ready != 0 {
        choose(ready, count, random(arms))
    } else {
        return None;
    };
    arms.arm(index).attempt().then_some(index)
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
fn wait<A: Arms + ?Sized>(arms: &A, deadline: Deadline) -> Waited {
    let count = arms.len();
    assert!(
        count <= Outcome::MAX_ARMS,
        "a select with {count} arms: {} at most",
        Outcome::MAX_ARMS
    );
    park::with_task(|task| {
        let ticket = task.arm();
        let mut earliest = (deadline, None);
        let mut registered = 0;
        while registered < count && !task.is_claimed() {
            // SAFETY: `arms` is borrowed until this function ends, and before that all arms are
            // unregistered, except for the one that the wait was claimed with.
            match unsafe { arms.arm(registered).register(ticket, registered) } {
                Registered::Off => {}
                Registered::Waiting(due) if due < earliest.0 => earliest = (due, Some(registered)),
                Registered::Waiting(_) => {}
                Registered::Ready => {
                    // By S2 and S3: first the own wait, then the partner's.
                    if task.take_back() {
                        unregister(arms, 0..registered);
                        return Waited::Try(registered);
                    }
                    break; // an earlier arm was claimed
                }
            }
            registered += 1;
        }
        match park::block(task, earliest.0, Wait::Select) {
            Outcome::TIMED_OUT => {
                unregister(arms, 0..registered);
                // In a model, time passes as it likes.
                if !cfg!(loom) && !earliest.0.has_passed() {
                    return Waited::Again;
                }
                earliest.1.map_or(Waited::TimedOut, Waited::Try)
            }
            Outcome::SHUTDOWN => {
                unregister(arms, 0..registered);
                park::unwind();
            }
            outcome => {
                let won = outcome.index();
                arms.arm(won).win();
                unregister(arms, 0..won);
                unregister(arms, won + 1..registered);
                Waited::Won(won)
            }
        }
    })
}

fn unregister<A: Arms + ?Sized>(arms: &A, range: std::ops::Range<usize>) {
    for index in range {
        arms.arm(index).unregister();
    }
}
