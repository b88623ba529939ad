//! What goes wrong with a channel: it is closed, it is full or empty, or time is up.
//!
//! The names and shapes are those of `std::sync::mpsc` and crossbeam, with *closed* where they say
//! *disconnected*, as a channel can be closed by hand too. No error asks anything of the message's
//! type: it shows as `..`.

use std::error::Error;
use std::fmt;

/// The message could not be sent, because the channel is closed or has no receiver left; the
/// message comes back.
///
/// ```
/// let (tx, rx) = gort::chan::chan(1);
/// drop(rx);
/// assert_eq!(tx.send("mine").unwrap_err().into_inner(), "mine");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why [`try_send`](super::Sender::try_send) did not send; the message comes back.
///
/// ```
/// use gort::chan::{TrySendError, chan};
///
/// let (tx, _rx) = chan(0);
/// match tx.try_send("news") {
///     Ok(()) => {}
///     Err(TrySendError::Full(news)) => assert_eq!(news, "news"), // nobody waits for it
///     Err(TrySendError::Closed(_)) => unreachable!("there is a receiver"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The buffer is full or, in a channel without one, no receiver waits.
    Full(T),
    /// The channel is closed, or has no receiver left.
    Closed(T),
}

/// Why [`send_timeout`](super::Sender::send_timeout) and
/// [`send_deadline`](super::Sender::send_deadline) did not send; the message comes back.
///
/// ```
/// use gort::chan::{SendTimeoutError, chan};
/// use std::time::Duration;
///
/// let (tx, rx) = chan(0);
/// let wait = Duration::from_millis(1);
/// assert_eq!(tx.send_timeout(1, wait), Err(SendTimeoutError::Timeout(1)));
/// drop(rx);
/// assert_eq!(tx.send_timeout(2, wait), Err(SendTimeoutError::Closed(2)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// Nobody took the message in time.
    Timeout(T),
    /// The channel is closed, or has no receiver left.
    Closed(T),
}

/// Why [`try_recv`](super::Receiver::try_recv) has nothing to give.
///
/// ```
/// let (tx, rx) = gort::chan::chan::<u8>(1);
/// assert!(rx.try_recv().unwrap_err().is_empty());
/// drop(tx);
/// assert!(rx.try_recv().unwrap_err().is_closed());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryRecvError {
    /// There is no message now, but one may come.
    Empty,
    /// There is no message, and none will come.
    Closed,
}

/// Why [`recv_timeout`](super::Receiver::recv_timeout) and
/// [`recv_deadline`](super::Receiver::recv_deadline) have nothing to give.
///
/// ```
/// use std::time::Duration;
///
/// let (tx, rx) = gort::chan::chan::<u8>(1);
/// assert!(rx.recv_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
/// drop(tx);
/// assert!(rx.recv_timeout(Duration::from_secs(60)).unwrap_err().is_closed()); // at once
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// There is no message, and none will come.
    Closed,
}

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }

    /// Was there no room?
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Was the channel closed?
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Closed(message) => message,
        }
    }

    /// Was time up?
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Was the channel closed?
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl TryRecvError {
    /// Was there no message yet?
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Was the channel closed and drained?
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl RecvTimeoutError {
    /// Was time up?
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Was the channel closed and drained?
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

const CLOSED_TO_SENDERS: &str = "sending on a closed channel";
const CLOSED_TO_RECEIVERS: &str = "receiving from a closed and drained channel";

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED_TO_SENDERS)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "sending on a full channel",
            Self::Closed(_) => CLOSED_TO_SENDERS,
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "timed out sending on a channel",
            Self::Closed(_) => CLOSED_TO_SENDERS,
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving from an empty channel",
            Self::Closed => CLOSED_TO_RECEIVERS,
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out receiving from a channel",
            Self::Closed => CLOSED_TO_RECEIVERS,
        })
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}
