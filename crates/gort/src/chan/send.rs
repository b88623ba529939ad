//! The sending end.

use super::core::{Core, Ended};
use super::future::SendFuture;
use super::{SendError, SendTimeoutError, TrySendError};
use crate::clock::Deadline;
use crate::park;
use crate::prim::Arc;
use crate::prim::atomic::Ordering::*;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// The sending end of a channel made by [`chan`](super::chan()).
///
/// Can be cloned, shared and sent to other goroutines and threads. When the last one is dropped the
/// channel is closed: receivers get what is in the buffer and then the end.
///
/// ```
/// use gort::{chan, go};
///
/// let (tx, rx) = chan(0);
/// for worker in 0..3 {
///     let tx = tx.clone();
///     go!(move || tx.send(worker));
/// }
/// drop(tx); // else this one would keep the channel open
/// assert_eq!(rx.iter().sum::<i32>(), 3);
/// ```
pub struct Sender<T> {
    core: Arc<Core<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn from_core(core: Arc<Core<T>>) -> Self {
        Self { core }
    }

    #[inline(always)]
    pub(crate) fn core(&self) -> &Core<T> {
        &self.core
    }

    /// Sends a message, and blocks while the buffer is full or, without a buffer, until a receiver
    /// takes it.
    ///
    /// # Errors
    /// If the channel is closed or there is no receiver left, before or while this blocks: the
    /// message comes back.
    ///
    /// ```
    /// use gort::chan::chan;
    ///
    /// let (tx, rx) = chan(1);
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv(), Some(1));
    /// tx.close();
    /// assert_eq!(tx.send(2).unwrap_err().into_inner(), 2);
    /// ```
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        park::checkpoint();
        self.core.send(message).map_err(SendError)
    }

    /// Sends a message if that can be done without blocking: there is room in the buffer, or a
    /// receiver waits. Yields if the goroutine's time slice is over.
    ///
    /// # Errors
    /// If there is no room, or the channel is closed: the message comes back.
    ///
    /// ```
    /// use gort::chan::{TrySendError, chan};
    ///
    /// let (tx, rx) = chan(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// drop(rx);
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        park::checkpoint();
        self.core.try_send(message).map_err(|(message, ended)| match ended {
            Ended::Closed => TrySendError::Closed(message),
            _ => TrySendError::Full(message),
        })
    }

    /// As [`send`](Self::send), but blocks for `timeout` at most.
    ///
    /// # Errors
    /// If time is up, or the channel is closed: the message comes back, and has not been sent.
    ///
    /// ```
    /// use gort::chan::chan;
    /// use std::time::Duration;
    ///
    /// let (tx, _rx) = chan(0);
    /// let error = tx.send_timeout("hello?", Duration::from_millis(2)).unwrap_err();
    /// assert!(error.is_timeout());
    /// assert_eq!(error.into_inner(), "hello?");
    /// ```
    #[inline]
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, || Deadline::after(timeout))
    }

    /// As [`send`](Self::send), but blocks until `deadline` at the latest.
    ///
    /// # Errors
    /// If time is up, or the channel is closed: the message comes back, and has not been sent.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (tx, rx) = gort::chan::chan(1);
    /// let deadline = Instant::now() + Duration::from_millis(2);
    /// assert!(tx.send_deadline(1, deadline).is_ok());
    /// assert!(tx.send_deadline(2, deadline).unwrap_err().is_timeout());
    /// # drop(rx);
    /// ```
    #[inline]
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, || Deadline::at(deadline))
    }

    #[inline]
    fn send_by(
        &self,
        message: T,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<(), SendTimeoutError<T>> {
        park::checkpoint();
        self.core.send_until(message, deadline).map_err(|(message, ended)| match ended {
            Ended::Closed => SendTimeoutError::Closed(message),
            _ => SendTimeoutError::Timeout(message),
        })
    }

    /// A future that sends a message; for async code on any executor.
    ///
    /// The message is sent when the future is ready with `Ok`. A future that is dropped before drops the message,
    /// unless a receiver has taken it since the last poll.
    ///
    /// ```
    /// use gort::chan::chan;
    ///
    /// async fn produce(tx: gort::chan::Sender<u32>) {
    ///     for i in 0.. {
    ///         if tx.send_async(i).await.is_err() {
    ///             break; // no receiver is left
    ///         }
    ///     }
    /// }
    /// # let _ = produce(chan(0).0);
    /// ```
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        SendFuture::new(self, message)
    }

    /// Closes the channel for both ends: senders get an error and, if they block, their message
    /// back; receivers get what is in the buffer and then the end. Closing again does nothing.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(2);
    /// tx.send('a').unwrap();
    /// tx.close();
    /// assert_eq!(rx.recv(), Some('a'));
    /// assert_eq!(rx.recv(), None);
    /// ```
    pub fn close(&self) {
        self.core.close();
    }

    /// Is the channel closed: by hand, or because one end is gone?
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan::<u8>(0);
    /// assert!(!tx.is_closed());
    /// drop(rx);
    /// assert!(tx.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// How many messages are in the buffer. This and what follows is true at one moment, and may not
    /// be any more at the next.
    ///
    /// ```
    /// let (tx, _rx) = gort::chan::chan(2);
    /// assert_eq!((tx.len(), tx.capacity(), tx.is_empty(), tx.is_full()), (0, 2, true, false));
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!((tx.len(), tx.capacity(), tx.is_empty(), tx.is_full()), (2, 2, false, true));
    /// ```
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// How many messages the buffer holds before senders block; zero without a buffer. [`len`](Self::len) has an example.
    pub fn capacity(&self) -> usize {
        self.core.capacity()
    }

    /// Is there no message in the buffer? Always, without a buffer. [`len`](Self::len) has an example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is the buffer full? Always, without a buffer.
    ///
    /// ```
    /// let (tx, _rx) = gort::chan::chan::<u8>(0); // without a buffer: messages are handed over
    /// assert!(tx.is_full() && tx.is_empty());
    /// ```
    pub fn is_full(&self) -> bool {
        self.core.len() >= self.core.capacity()
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// let (tx, _rx) = gort::chan::chan::<u8>(0);
    /// assert!(tx.same_channel(&tx.clone()));
    /// assert!(!tx.same_channel(&gort::chan::chan(0).0));
    /// ```
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl<T> Clone for Sender<T> {
    /// Another handle of the same end.
    fn clone(&self) -> Self {
        super::count_up(&self.core.senders);
        Self { core: self.core.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.core.senders.fetch_sub(1, AcqRel) == 1 {
            self.core.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.show(f, "Sender")
    }
}
