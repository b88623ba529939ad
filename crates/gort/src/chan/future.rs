//! Sending and receiving as futures, and the messages as a stream, for any executor.
//!
//! A future waits like a blocked call does, as a [`Waiter`] in the channel's list; its task's
//! `resume` calls the waker. It differs in that it can be dropped while it waits, and even between
//! being claimed and being polled again. So dropping takes it off the list, waits for a claimer
//! that is at work on it (a few instructions), and gives back what that has brought.

use super::alarm::Alarm;
use super::core::{Core, Ended};
use super::register::Registered;
use super::slot::{Slot, Waiter};
use super::{Receiver, SendError, Sender};
use crate::clock::Deadline;
use crate::park::Outcome;
use crate::park::future::FutureTask;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

/// What a future has in place of a blocked call's stack frame.
struct Frame<T> {
    task: FutureTask,
    waiter: Waiter<T>,
    slot: Slot<T>,
    /// Is the waiter registered, and the outcome not yet seen?
    waiting: Cell<bool>,
    /// When to look again, in a receiver that time sends to.
    due: Cell<Deadline>,
    alarm: RefCell<Option<Alarm>>,
    _pinned: PhantomPinned,
}

// SAFETY: what is not `Send` in it, the waiter's links, is only touched under the channel's lock.
unsafe impl<T: Send> Send for Frame<T> {}
// SAFETY: a shared reference to a frame is only used by whoever polls or drops the future, which
// takes a unique one.
unsafe impl<T: Send> Sync for Frame<T> {}

impl<T> Frame<T> {
    fn new(message: Option<T>) -> Self {
        Self {
            task: FutureTask::new(),
            waiter: Waiter::polled(ptr::null()),
            slot: Slot::new(message),
            waiting: Cell::new(false),
            due: Cell::new(Deadline::NEVER),
            alarm: RefCell::new(None),
            _pinned: PhantomPinned,
        }
    }

    /// Is the wait over, so that the frame is its owner's again? True too if there was none.
    fn is_over(&self, cx: &Context<'_>) -> bool {
        if self.waiting.get() {
            if self.task.poll(cx).is_pending() {
                return false;
            }
            self.waiting.set(false);
        }
        true
    }

    fn poll_recv(self: Pin<&Self>, core: &Core<T>, cx: &Context<'_>) -> Poll<Option<T>> {
        if self.waiting.get() {
            if self.due.get().has_passed() {
                self.stop_receiving(core);
            } else {
                let Poll::Ready(outcome) = self.task.poll(cx) else {
                    if self.alarm.borrow().as_ref().is_some_and(|alarm| !alarm.renew(cx.waker())) {
                        // It has just woken who polled before.
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                };
                self.waiting.set(false);
                if outcome != Outcome::TIMED_OUT {
                    // SAFETY: the wait is over.
                    return Poll::Ready(unsafe { self.slot.take() });
                }
                // The receiver's timer was set anew.
            }
        }
        loop {
            // SAFETY: the wait is over.
            if unsafe { self.slot.is_full() } {
                // SAFETY: as above.
                return Poll::Ready(unsafe { self.slot.take() });
            }
            // SAFETY: as above, and the slot is empty.
            match unsafe { core.recv_now(&self.slot) } {
                // SAFETY: as above.
                Ended::Done => return Poll::Ready(unsafe { self.slot.take() }),
                Ended::Closed => return Poll::Ready(None),
                Ended::TimedOut => {}
            }
            let ticket = self.task.arm(cx.waker().clone());
            // SAFETY: the frame is pinned, and is not dropped before the wait is over or forgotten;
            // the slot is empty.
            let due = match unsafe { core.register_receiver(&self.waiter, &self.slot, ticket, 0) } {
                Registered::Waiting => Deadline::NEVER,
                Registered::Until(due) => due,
                Registered::Ready | Registered::Off => {
                    self.task.task().disarm();
                    continue;
                }
            };
            self.waiting.set(true);
            self.due.set(due);
            drop(self.alarm.replace(Alarm::set(due, cx.waker())));
            return Poll::Pending;
        }
    }

    fn poll_send(self: Pin<&Self>, core: &Core<T>, cx: &Context<'_>) -> Poll<Result<(), T>> {
        if self.waiting.get() {
            if !self.is_over(cx) {
                return Poll::Pending;
            }
            // SAFETY: the wait is over; what is left in the slot was not sent.
            return Poll::Ready(unsafe { self.slot.take() }.map_or(Ok(()), Err));
        }
        loop {
            // SAFETY: no wait is on.
            let full = unsafe { self.slot.is_full() };
            assert!(full, "a future that sends was polled after it was ready");
            // SAFETY: as above.
            match unsafe { core.send_now(&self.slot) } {
                Ended::Done => return Poll::Ready(Ok(())),
                Ended::Closed => {
                    // SAFETY: as above.
                    return Poll::Ready(unsafe { self.slot.take() }.map_or(Ok(()), Err));
                }
                Ended::TimedOut => {}
            }
            let ticket = self.task.arm(cx.waker().clone());
            // SAFETY: the frame is pinned, and is not dropped before the wait is over or forgotten;
            // the slot is full.
            match unsafe { core.register_sender(&self.waiter, &self.slot, ticket, 0) } {
                Registered::Waiting | Registered::Until(_) => {
                    self.waiting.set(true);
                    return Poll::Pending;
                }
                Registered::Ready | Registered::Off => self.task.task().disarm(),
            }
        }
    }

    /// Ends a wait for a message. One that came is in the slot.
    fn stop_receiving(&self, core: &Core<T>) {
        if self.waiting.replace(false) {
            self.task.cancel();
            core.forget_receiver(&self.waiter);
        }
        self.alarm.take();
    }

    /// Ends the frame's use by a receiver.
    fn cancel_recv(&self, core: &Core<T>) {
        if self.waiting.get() {
            self.stop_receiving(core);
            // SAFETY: the wait is over.
            if let Some(message) = unsafe { self.slot.take() } {
                core.put_back(message);
            }
        }
    }

    /// Ends the frame's use by a sender.
    fn cancel_send(&self, core: &Core<T>) {
        if self.waiting.replace(false) {
            self.task.cancel();
            core.forget_sender(&self.waiter);
        }
    }
}

/// A future that receives; made by [`Receiver::recv_async`].
///
/// ```
/// let (tx, rx) = gort::chan::chan(1);
/// tx.send('a').unwrap();
/// assert_eq!(gort::block_on(rx.recv_async()), Some('a'));
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    receiver: &'a Receiver<T>,
    frame: Frame<T>,
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        Self { receiver, frame: Frame::new(None) }
    }

    fn frame(self: Pin<&Self>) -> Pin<&Frame<T>> {
        // SAFETY: the frame is pinned with the future: nothing moves it out.
        unsafe { self.map_unchecked(|future| &future.frame) }
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.as_ref();
        this.frame().poll_recv(this.receiver.core(), cx)
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        self.frame.cancel_recv(self.receiver.core());
    }
}

/// A future that sends; made by [`Sender::send_async`].
///
/// ```
/// let (tx, rx) = gort::chan::chan(1);
/// gort::block_on(tx.send_async('a')).unwrap();
/// assert_eq!(rx.recv(), Some('a'));
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct SendFuture<'a, T> {
    sender: &'a Sender<T>,
    frame: Frame<T>,
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, message: T) -> Self {
        Self { sender, frame: Frame::new(Some(message)) }
    }

    fn frame(self: Pin<&Self>) -> Pin<&Frame<T>> {
        // SAFETY: the frame is pinned with the future: nothing moves it out.
        unsafe { self.map_unchecked(|future| &future.frame) }
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    /// If it was ready before.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_ref();
        this.frame().poll_send(this.sender.core(), cx).map_err(SendError)
    }
}

impl<T> Drop for SendFuture<'_, T> {
    fn drop(&mut self) {
        self.frame.cancel_send(self.sender.core());
    }
}

/// The messages of a channel as a stream; made by [`Receiver::stream`].
///
/// ```
/// let (tx, rx) = gort::chan::chan(2);
/// tx.send('a').unwrap();
/// tx.send('b').unwrap();
/// let mut messages = rx.stream();
/// assert_eq!(gort::block_on(messages.next()), Some('a'));
/// assert_eq!(messages.receiver().len(), 1);
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct RecvStream<T> {
    receiver: Receiver<T>,
    /// On the heap, so that the stream can be moved between messages.
    frame: Pin<Box<Frame<T>>>,
    ended: bool,
}

impl<T> RecvStream<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        Self { receiver, frame: Box::pin(Frame::new(None)), ended: false }
    }

    /// The next message if there is one; else the task of `cx` is woken when there is. `None` once
    /// the channel is closed and drained, and ever after.
    ///
    /// From then on the stream waits like any receiver, whether it is polled again or not: a message that
    /// it is handed is there for its next poll, and goes to others only when it is dropped. So where the wait may be
    /// given up, as in a `select!` of async code, use [`next`](Self::next).
    pub fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.frame.as_ref().poll_recv(self.receiver.core(), cx);
        self.ended = matches!(polled, Poll::Ready(None));
        polled
    }

    /// A future of the next message; `None` at the end. Dropped before it is ready it waits no longer, and
    /// what it had been handed goes back, as with [`recv_async`](Receiver::recv_async).
    ///
    /// ```
    /// async fn sum(rx: gort::chan::Receiver<u32>) -> u32 {
    ///     let (mut stream, mut sum) = (rx.into_stream(), 0);
    ///     while let Some(n) = stream.next().await {
    ///         sum += n;
    ///     }
    ///     sum
    /// }
    /// # let _ = sum(gort::chan::never());
    /// ```
    #[allow(clippy::should_implement_trait, reason = "what async code calls this everywhere")]
    pub fn next(&mut self) -> impl Future<Output = Option<T>> {
        Next { stream: self, polled: false }
    }

    /// The channel's end.
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }
}

/// See [`RecvStream::next`].
struct Next<'a, T> {
    stream: &'a mut RecvStream<T>,
    /// Else it is another's wait that may be on.
    polled: bool,
}

impl<T> Future for Next<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.polled = true;
        Pin::new(&mut *self.stream).poll_next(cx)
    }
}

impl<T> Drop for Next<'_, T> {
    fn drop(&mut self) {
        if self.polled {
            self.stream.frame.cancel_recv(self.stream.receiver.core());
        }
    }
}

impl<T> Drop for RecvStream<T> {
    fn drop(&mut self) {
        self.frame.cancel_recv(self.receiver.core());
    }
}

#[cfg(feature = "stream")]
impl<T> futures_core::Stream for RecvStream<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        RecvStream::poll_next(self, cx)
    }
}

#[cfg(feature = "stream")]
impl<T> futures_core::FusedStream for RecvStream<T> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvFuture").field(self.receiver).finish()
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendFuture").field(self.sender).finish()
    }
}

impl<T> fmt::Debug for RecvStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvStream").field(&self.receiver).finish()
    }
}
