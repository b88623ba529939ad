//! Iterators over received messages.

use super::Receiver;
use std::fmt;
use std::iter::FusedIterator;

/// Iterates over the messages of a channel, blocking; made by [`Receiver::iter`].
///
/// ```
/// let (tx, rx) = gort::chan::chan(0);
/// gort::go!(move || (1..=3).for_each(|n| tx.send(n).unwrap()));
/// assert_eq!(rx.iter().map(|n| n * n).sum::<i32>(), 14);
/// ```
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
    ended: bool,
}

/// Iterates over the messages that are there; made by [`Receiver::try_iter`].
///
/// ```
/// let (tx, rx) = gort::chan::chan(2);
/// tx.send(1).unwrap();
/// assert_eq!(rx.try_iter().count(), 1);
/// assert!(!rx.is_closed()); // more may come
/// ```
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Iterates over the messages of a channel, blocking; made by `Receiver`'s `into_iter`.
///
/// ```
/// let (tx, rx) = gort::chan::chan(0);
/// gort::go!(move || {
///     for n in 1..=3 {
///         tx.send(n).unwrap();
///     }
/// });
/// let mut sum = 0;
/// for n in rx {
///     sum += n;
/// }
/// assert_eq!(sum, 6);
/// ```
pub struct IntoIter<T> {
    receiver: Receiver<T>,
    ended: bool,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        Self { receiver, ended: false }
    }
}

impl<'a, T> TryIter<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        Self { receiver }
    }
}

impl<T> IntoIter<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        Self { receiver, ended: false }
    }
}

/// The next message; after the end no more, even if a dropped future puts one back.
#[inline]
fn next<T>(receiver: &Receiver<T>, ended: &mut bool) -> Option<T> {
    if *ended {
        return None;
    }
    let message = receiver.recv();
    *ended = message.is_none();
    message
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        next(self.receiver, &mut self.ended)
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        next(&self.receiver, &mut self.ended)
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Iter").field(self.receiver).finish()
    }
}

impl<T> fmt::Debug for TryIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryIter").field(self.receiver).finish()
    }
}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoIter").field(&self.receiver).finish()
    }
}
