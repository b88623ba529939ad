//! How a select runs, whatever its arms are: try each, else wait with all of them.

use super::order::Order;
use crate::chan::core::Registered;
use crate::clock::Deadline;
use crate::park::{self, Outcome, Ticket, Wait};

/// One arm of a select, as the engine sees it.
///
/// Methods take `&self`, as an arm that is registered is also used by others: its waiter and its
/// slot.
pub(crate) trait RawArm {
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
    fn seed(&self) -> Option<u64>;
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
    let count = arms.len();
    loop {
        let mut order = if biased || count <= 1 {
            Order::as_written(count)
        } else {
            Order::random(count, (0..count).find_map(|i| arms.arm(i).seed()).unwrap_or(0))
        };
        while let Some(index) = order.next() {
            if arms.arm(index).attempt() {
                return Some(index);
            }
        }
        let Some(deadline) = deadline else {
            return (0..count).find(|&index| arms.arm(index).is_due());
        };
        match wait(arms, deadline) {
            Waited::Won(index) => return Some(index),
            Waited::Try(index) if arms.arm(index).expire() => return Some(index),
            Waited::Try(_) => {}
            Waited::TimedOut => return None,
        }
    }
}

/// Registers all arms and blocks until one of them is served.
#[inline(never)]
fn wait<A: Arms + ?Sized>(arms: &A, deadline: Deadline) -> Waited {
    let count = arms.len();
    assert!(count <= Outcome::MAX_ARMS, "a select with {count} arms: {} at most", Outcome::MAX_ARMS);
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
