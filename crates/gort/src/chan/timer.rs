//! Receivers that time sends to: once (`after`, `at`), again and again (`tick`), or never.
//!
//! No timer is set anywhere. A channel made here has no sender, but a [`Timer`] that says when its
//! next message is due. Who finds the channel empty asks the timer; who blocks on it does so until
//! then at the latest, and asks again. So a receiver that nobody looks at costs nothing, however
//! often it is due.

use super::Receiver;
use super::core::Core;
use crate::clock::{self, Deadline};
use crate::park::Outcome;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The period of a timer that fires once: its second message would be due when no clock can tell any more.
pub(crate) const ONCE: NonZeroU64 = NonZeroU64::MAX;

pub(crate) struct Timer<T> {
    /// When the next message is due, as the runtime's clock counts.
    due: Deadline,
    /// How long the one after that comes after it; `None`: the timer is off. (One that is due in more time than can be counted is
    /// never due, either, but on.)
    period: Option<NonZeroU64>,
    /// When the first message was, or is, due that it was last set to send.
    first: Deadline,
    /// A function, so that it takes the room of one.
    message: fn() -> Message<T>,
}

/// How a message is made of the time that it was due, and tells it. `T` is `Instant` and these do nothing, but the compiler cannot
/// tell that in `Core<T>`.
struct Message<T> {
    of: fn(Instant) -> T,
    due: fn(&T) -> Instant,
}

impl Timer<Instant> {
    pub(super) fn new(due: Deadline, period: NonZeroU64) -> Self {
        let message = || Message { of: |due| due, due: |message| *message };
        Self { due, period: Some(period), first: due, message }
    }
}

impl<T> Timer<T> {
    /// Starts it anew, or turns it off; what was due before is not sent any more. Was it on?
    fn set(&mut self, due: Deadline, period: Option<NonZeroU64>) -> bool {
        let was_on = self.period.is_some();
        (self.due, self.period, self.first) = (due, period, due);
        was_on
    }

    /// Is this a message that it was last set to send, and has sent? Else it is one of before.
    pub(super) fn has_sent(&self, message: &T) -> bool {
        let due = Deadline::at(((self.message)().due)(message));
        match self.period {
            Some(_) => self.first <= due && due < self.due,
            // It has stopped by itself after the first, or was stopped, and the first is never.
            None => due == self.first,
        }
    }

    /// When there will be something to receive.
    pub(super) fn due(&self) -> Deadline {
        self.due
    }

    pub(super) fn is_due(&self) -> bool {
        self.due.has_passed()
    }

    /// The message, if it is due; the next one is then due at the next multiple of the period that
    /// has not passed.
    pub(super) fn fire(&mut self) -> Option<T> {
        if self.due == Deadline::NEVER {
            return None;
        }
        let due = self.due;
        let late = clock::now().checked_sub(due.nanos())?;
        let next = self.period.and_then(|period| {
            let ahead = (late / period + 1).checked_mul(period.get())?;
            due.nanos().checked_add(ahead)
        });
        self.due = next.map_or(Deadline::NEVER, Deadline::from_nanos);
        if self.due == Deadline::NEVER {
            self.period = None;
        }
        Some(((self.message)().of)(due.instant()))
    }
}

impl Core<Instant> {
    /// Sets when messages are due, or, without a period, that none are. Who waits for one looks again; one that was due before is
    /// not received any more, also if a receiver has put it back, or does so later. Was there one to come, or to be received?
    pub(crate) fn retime(&self, due: Deadline, period: Option<NonZeroU64>) -> bool {
        let mut state = self.lock();
        let mut was_on = state.timer.as_mut().is_some_and(|timer| timer.set(due, period));
        while state.ring.pop().is_some() {
            was_on = true;
        }
        let claims = state.receivers.claim_all(Outcome::TIMED_OUT);
        drop(state);
        claims.wake_futures_too();
        was_on
    }
}

/// A receiver of one message, `duration` from now: the time it was due.
///
/// Until then and afterwards it is empty: [`recv`](Receiver::recv) blocks. A duration too long to
/// add to the clock never ends. As an arm of a `select!` it is a timeout; where the timeout is
/// the arm's own, `after(duration) => ..` does the same without making a channel.
///
/// ```
/// use gort::chan::after;
/// use std::time::{Duration, Instant};
///
/// assert!(after(Duration::from_secs(60)).try_recv().is_err());
/// let start = Instant::now();
/// let timeout = after(Duration::from_millis(5));
/// assert!(timeout.recv().unwrap() >= start + Duration::from_millis(5));
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    Receiver::from_core(Core::new(0, Some(Timer::new(Deadline::after(duration), ONCE))))
}

/// A receiver of one message at `instant`, or at once if that has passed.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let soon = Instant::now() + Duration::from_millis(5);
/// gort::chan::at(soon).recv();
/// assert!(Instant::now() >= soon);
/// ```
pub fn at(instant: Instant) -> Receiver<Instant> {
    Receiver::from_core(Core::new(0, Some(Timer::new(Deadline::at(instant), ONCE))))
}

/// A receiver of a message every `period`, the first one `period` from now: the time it was due.
///
/// Like Go's ticker it keeps its phase and drops ticks for a slow receiver: at most one tick
/// waits, and the next one comes at a multiple of the period from the start, not a period after
/// the last was received.
///
/// # Panics
/// If the period is zero.
///
/// ```
/// use gort::chan::tick;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let ticks = tick(Duration::from_millis(2));
/// for _ in ticks.iter().take(3) {}
/// assert!(start.elapsed() >= Duration::from_millis(6));
/// ```
#[track_caller]
pub fn tick(period: Duration) -> Receiver<Instant> {
    let nanos = period_of(period);
    Receiver::from_core(Core::new(0, Some(Timer::new(Deadline::after(period), nanos))))
}

/// A period in nanoseconds; panics if it is zero.
#[track_caller]
pub(crate) fn period_of(period: Duration) -> NonZeroU64 {
    let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    NonZeroU64::new(nanos).expect("the period of a tick must not be zero")
}

/// A receiver that is never sent anything: [`recv`](Receiver::recv) blocks for ever.
///
/// For an arm of a select that is switched off; `recv(rx) -> v, if cond` does the same without a
/// channel.
///
/// ```
/// assert!(gort::chan::never::<u8>().try_recv().unwrap_err().is_empty());
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver::from_core(Core::new(0, None))
}
