//! The receiving end.

use super::core::{Core, Ended};
use super::future::{RecvFuture, RecvStream};
use super::iter::{IntoIter, Iter, TryIter};
use super::{RecvTimeoutError, TryRecvError};
use crate::clock::Deadline;
use crate::park;
use crate::prim::Arc;
use crate::prim::atomic::Ordering::*;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// The receiving end of a channel made by [`chan`](super::chan()), or a receiver that time sends
/// to: [`after`](super::after), [`at`](super::at), [`tick`](super::tick), [`never`](super::never).
///
/// Can be cloned, shared and sent to other goroutines and threads; each message goes to one
/// receiver. When the last one is dropped the channel is closed: senders get an error, and what is
/// in the buffer is dropped.
///
/// ```
/// use gort::{chan, spawn};
///
/// let (tx, jobs) = chan(8);
/// let workers: Vec<_> = (0..3)
///     .map(|_| {
///         let jobs = jobs.clone(); // each job is one worker's
///         spawn(move || jobs.iter().sum::<u32>())
///     })
///     .collect();
/// drop(jobs); // if all workers panic, sending fails instead of waiting for ever
/// (1..=10).for_each(|job| tx.send(job).unwrap());
/// drop(tx);
/// assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u32>(), 55);
/// ```
pub struct Receiver<T> {
    core: Arc<Core<T>>,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn from_core(core: Arc<Core<T>>) -> Self {
        Self { core }
    }

    #[inline(always)]
    pub(crate) fn core(&self) -> &Core<T> {
        &self.core
    }

    /// Receives a message, and blocks until there is one. `None` once the channel is closed and
    /// its buffer drained.
    ///
    /// ```
    /// use gort::chan::chan;
    ///
    /// let (tx, rx) = chan(0);
    /// std::thread::spawn(move || tx.send("hello"));
    /// assert_eq!(rx.recv(), Some("hello"));
    /// assert_eq!(rx.recv(), None);
    /// ```
    #[inline]
    pub fn recv(&self) -> Option<T> {
        park::checkpoint();
        self.core.recv()
    }

    /// Receives a message if there is one: in the buffer, or with a blocked sender. Yields if the goroutine's time slice is over.
    ///
    /// # Errors
    /// If there is none now, or none will come.
    ///
    /// ```
    /// use gort::chan::{TryRecvError, chan};
    ///
    /// let (tx, rx) = chan(1);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        park::checkpoint();
        self.core.try_recv().map_err(|ended| match ended {
            Ended::Closed => TryRecvError::Closed,
            _ => TryRecvError::Empty,
        })
    }

    /// As [`recv`](Self::recv), but blocks for `timeout` at most.
    ///
    /// # Errors
    /// If time is up, or the channel is closed and drained. No message is lost either way.
    ///
    /// ```
    /// use gort::chan::{RecvTimeoutError, chan};
    /// use std::time::Duration;
    ///
    /// let (_tx, rx) = chan::<i32>(1);
    /// assert_eq!(rx.recv_timeout(Duration::from_millis(2)), Err(RecvTimeoutError::Timeout));
    /// ```
    #[inline]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(|| Deadline::after(timeout))
    }

    /// As [`recv`](Self::recv), but blocks until `deadline` at the latest.
    ///
    /// # Errors
    /// If time is up, or the channel is closed and drained. No message is lost either way.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (tx, rx) = gort::chan::chan(1);
    /// let deadline = Instant::now() + Duration::from_millis(2);
    /// assert!(rx.recv_deadline(deadline).unwrap_err().is_timeout());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv_deadline(deadline), Ok(1)); // what is there is not too late
    /// ```
    #[inline]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(|| Deadline::at(deadline))
    }

    #[inline]
    fn recv_by(&self, deadline: impl FnOnce() -> Deadline) -> Result<T, RecvTimeoutError> {
        park::checkpoint();
        self.core.recv_until(deadline).map_err(|ended| match ended {
            Ended::Closed => RecvTimeoutError::Closed,
            _ => RecvTimeoutError::Timeout,
        })
    }

    /// A future that receives a message, or `None` once the channel is closed and drained; for
    /// async code on any executor.
    ///
    /// It can be dropped at any time without losing a message: one that had been handed to it and
    /// was not looked at goes to another receiver that waits, or is the next to be received. (So of two that are
    /// dropped one after the other, the message of the second comes before that of the first.)
    ///
    /// Where time sends ([`after`](super::after), [`tick`](super::tick), a [`Timer`](crate::time::Timer)), one thread calls the wakers of
    /// all futures and streams of the process that are due, one after the other: a waker that blocks holds up the others.
    ///
    /// ```
    /// async fn sum(rx: gort::chan::Receiver<u32>) -> u32 {
    ///     let mut sum = 0;
    ///     while let Some(n) = rx.recv_async().await {
    ///         sum += n;
    ///     }
    ///     sum
    /// }
    /// # let _ = sum(gort::chan::never());
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(self)
    }

    /// A stream of the messages up to the end; for async code on any executor.
    ///
    /// With the feature `stream` it implements `futures_core::Stream`; without, it has
    /// [`poll_next`](RecvStream::poll_next) and [`next`](RecvStream::next). It is a receiver of its
    /// own, so it keeps the channel open.
    ///
    /// ```
    /// async fn log(rx: &gort::chan::Receiver<String>) {
    ///     let mut lines = rx.stream();
    ///     while let Some(line) = lines.next().await {
    ///         println!("{line}");
    ///     }
    /// }
    /// # let _ = log;
    /// ```
    pub fn stream(&self) -> RecvStream<T> {
        RecvStream::new(self.clone())
    }

    /// As [`stream`](Self::stream), without another handle.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(1);
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// let mut stream = rx.into_stream();
    /// assert_eq!(gort::block_on(stream.next()), Some(1));
    /// assert_eq!(gort::block_on(stream.next()), None);
    /// ```
    pub fn into_stream(self) -> RecvStream<T> {
        RecvStream::new(self)
    }

    /// Iterates over the messages, and blocks for each, until the channel is closed and drained.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(3);
    /// for i in 1..=3 {
    ///     tx.send(i).unwrap();
    /// }
    /// drop(tx);
    /// assert_eq!(rx.iter().sum::<i32>(), 6);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// Iterates over the messages that are there, without blocking.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(3);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert!(rx.try_iter().eq([1, 2]));
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// Closes the channel for both ends: senders get an error and, if they block, their message
    /// back; receivers get what is in the buffer and then the end. Closing again does nothing, nor does closing a context's
    /// [`done`](crate::context::Context::done), which only its end closes.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(2);
    /// tx.send('a').unwrap();
    /// rx.close();
    /// assert!(tx.send('b').is_err());
    /// assert!(rx.iter().eq(['a']));
    /// ```
    pub fn close(&self) {
        self.core.close_by_receiver();
    }

    /// Is the channel closed: by hand, or because one end is gone? There may still be messages.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(1);
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert!(rx.is_closed() && !rx.is_empty());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// How many messages are in the buffer. This and what follows is true at one moment, and may not
    /// be any more at the next.
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan(2);
    /// assert_eq!((rx.len(), rx.capacity(), rx.is_empty(), rx.is_full()), (0, 2, true, false));
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!((rx.len(), rx.capacity(), rx.is_empty(), rx.is_full()), (2, 2, false, true));
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

    /// Is the buffer full? Always, without a buffer. [`len`](Self::len) has an example.
    pub fn is_full(&self) -> bool {
        self.core.len() >= self.core.capacity()
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// let (_tx, rx) = gort::chan::chan::<u8>(0);
    /// assert!(rx.same_channel(&rx.clone()));
    /// assert!(!rx.same_channel(&gort::chan::never()));
    /// ```
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl<T> Clone for Receiver<T> {
    /// Another handle of the same end.
    fn clone(&self) -> Self {
        super::count_up(&self.core.receivers);
        Self { core: self.core.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.core.receivers.fetch_sub(1, AcqRel) == 1 {
            self.core.abandon();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.show(f, "Receiver")
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter::new(self)
    }
}
