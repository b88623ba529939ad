//! Timers and tickers that can be stopped and set anew, after Go's.
//!
//! They are receivers that time sends to (see `chan::timer`): setting one changes when its next message is
//! due, under the channel's lock, and has those who block on it look again. No timer of the scheduler's is
//! touched unless somebody blocks. So there is never an old message to be drained: a receive asks what is due
//! at that moment.

use crate::chan::Receiver;
use crate::chan::timer::{ONCE, period_of};
use crate::clock::Deadline;
use std::fmt;
use std::time::{Duration, Instant};

/// Sends one message, the time it was due, unless it is stopped; like Go's `time.Timer`.
///
/// It may be used, stopped and set anew from anywhere, also while others receive from it: they then wait for the
/// new time. Dropping it while nobody has its receiver is stopping it.
///
/// ```
/// use gort::time::Timer;
/// use std::time::Duration;
///
/// let idle = Timer::new(Duration::from_secs(60));
/// let (tx, rx) = gort::chan::chan(0);
/// gort::go!(move || (1..=3).for_each(|n| tx.send(n).unwrap()));
/// let mut sum = 0;
/// loop {
///     gort::select! {
///         recv(rx) -> n => match n {
///             Some(n) => {
///                 sum += n;
///                 idle.reset(Duration::from_secs(60));
///             }
///             None => break,
///         },
///         recv(idle.receiver()) -> _ => panic!("nothing has come for a minute"),
///     }
/// }
/// assert_eq!(sum, 6);
/// ```
pub struct Timer {
    receiver: Receiver<Instant>,
}

impl Timer {
    /// A timer that is due `duration` from now.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let start = Instant::now();
    /// let timer = Timer::new(Duration::from_millis(5));
    /// assert!(timer.receiver().recv().unwrap() >= start + Duration::from_millis(5));
    /// ```
    pub fn new(duration: Duration) -> Timer {
        Timer { receiver: crate::chan::after(duration) }
    }

    /// As [`new`](Self::new), due at `instant`.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let due = Instant::now() + Duration::from_millis(2);
    /// let timer = Timer::at(due);
    /// assert_eq!(timer.receiver().recv(), Some(due)); // however late it is received
    /// ```
    pub fn at(instant: Instant) -> Timer {
        Timer { receiver: crate::chan::at(instant) }
    }

    /// Where the message comes. A clone of it is the same end of the same channel. [`Timer`] has an example.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Stops the timer: nothing is received any more, also not a message that was due. Never blocks.
    ///
    /// True: so its message has not been received, and is not. False: it has been; or the timer was stopped before. A message that a
    /// [`SelectedOperation`](crate::select::SelectedOperation) holds has been received, and does not come back if that is dropped
    /// later.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::Duration;
    ///
    /// let timer = Timer::new(Duration::from_secs(60));
    /// assert!(timer.stop());
    /// assert!(!timer.stop());
    /// assert!(timer.receiver().try_recv().is_err());
    ///
    /// let due = Timer::new(Duration::ZERO);
    /// assert!(due.stop());
    /// assert!(due.receiver().try_recv().is_err());
    /// ```
    pub fn stop(&self) -> bool {
        self.receiver.core().retime(Deadline::NEVER, None)
    }

    /// Sets the timer anew, `duration` from now, whether it was on, due or stopped. A message that was due and
    /// not received is not received any more. Never blocks.
    ///
    /// True: its message had not been received. False: it had been, or the timer was stopped.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let timer = Timer::new(Duration::ZERO);
    /// assert!(timer.reset(Duration::from_secs(60)));
    /// assert!(timer.receiver().try_recv().is_err(), "not what was due before");
    /// let start = Instant::now();
    /// assert!(timer.reset(Duration::from_millis(5)));
    /// assert!(timer.receiver().recv().unwrap() >= start + Duration::from_millis(5));
    /// ```
    pub fn reset(&self, duration: Duration) -> bool {
        self.set(Deadline::after(duration))
    }

    /// As [`reset`](Self::reset), to a point of time.
    ///
    /// ```
    /// use gort::time::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let timer = Timer::new(Duration::from_secs(60));
    /// let due = Instant::now() + Duration::from_millis(2);
    /// assert!(timer.reset_at(due));
    /// assert_eq!(timer.receiver().recv(), Some(due));
    /// assert!(!timer.reset_at(due)); // its message had been received; there is another now
    /// assert_eq!(timer.receiver().recv(), Some(due));
    /// ```
    pub fn reset_at(&self, instant: Instant) -> bool {
        self.set(Deadline::at(instant))
    }

    fn set(&self, due: Deadline) -> bool {
        self.receiver.core().retime(due, Some(ONCE))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("is_due", &!self.receiver.is_empty()).finish_non_exhaustive()
    }
}

/// Sends a message, the time it was due, every period, unless it is stopped; like Go's `time.Ticker`.
///
/// For a slow receiver it drops ticks and keeps its phase: at most one tick waits, and the next one comes at a
/// multiple of the period from the start.
///
/// ```
/// use gort::time::Ticker;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let ticker = Ticker::new(Duration::from_millis(2));
/// for tick in ticker.receiver().iter().take(3) {
///     println!("tick at {:?}", tick - start);
/// }
/// assert!(start.elapsed() >= Duration::from_millis(6));
/// ```
pub struct Ticker {
    receiver: Receiver<Instant>,
}

impl Ticker {
    /// A ticker whose first tick comes `period` from now. [`Ticker`] has an example.
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn new(period: Duration) -> Ticker {
        Ticker { receiver: crate::chan::tick(period) }
    }

    /// Where the ticks come. A clone of it is the same end of the same channel. [`Ticker`] has an example.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Stops the ticks: none is received any more, also not one that was due. The channel is not closed:
    /// who receives from it waits until the ticker is set anew. Never blocks.
    ///
    /// ```
    /// use gort::time::Ticker;
    /// use std::time::Duration;
    ///
    /// let ticker = Ticker::new(Duration::from_millis(1));
    /// assert!(ticker.receiver().recv().is_some());
    /// ticker.stop();
    /// assert!(ticker.receiver().try_recv().unwrap_err().is_empty()); // and not closed
    /// ticker.reset(Duration::from_millis(1));
    /// assert!(ticker.receiver().recv().is_some());
    /// ```
    pub fn stop(&self) {
        self.receiver.core().retime(Deadline::NEVER, None);
    }

    /// Starts anew, with another period or the same: the next tick comes `period` from now. A tick that was
    /// due before and not received is not received any more. Never blocks.
    ///
    /// ```
    /// use gort::time::Ticker;
    /// use std::time::{Duration, Instant};
    ///
    /// let ticker = Ticker::new(Duration::from_secs(60));
    /// let now = Instant::now();
    /// ticker.reset(Duration::from_millis(2));
    /// assert!(ticker.receiver().recv().unwrap() >= now + Duration::from_millis(2));
    /// ```
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        let nanos = period_of(period);
        let due = Deadline::after(period);
        self.receiver.core().retime(due, Some(nanos));
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").field("is_due", &!self.receiver.is_empty()).finish_non_exhaustive()
    }
}
