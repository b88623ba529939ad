//! Channels: what goroutines, threads and async tasks send each other messages through.
//!
//! ```
//! use gort::chan::chan;
//!
//! let (tx, rx) = chan(0);
//! std::thread::spawn(move || {
//!     for i in 1..=3 {
//!         tx.send(i).unwrap(); // waits for the receiver to take it
//!     }
//! }); // the last sender is dropped here, and so the channel closed
//! let mut sum = 0;
//! for i in rx {
//!     sum += i;
//! }
//! assert_eq!(sum, 6);
//! ```
//!
//! [`chan(capacity)`](chan()) makes a channel with a buffer for so many messages, or with none: then
//! a message is handed over when sender and receiver meet. Both ends can be cloned and shared;
//! messages arrive in the order in which they were sent, each at one receiver. (A message that was handed to a
//! future which is then dropped becomes the next one to be received: it is late if others have received later ones by then, and
//! of two such futures the message of the one dropped last comes first.)
//!
//! | operation | when it cannot go ahead at once | when the channel is closed |
//! |---|---|---|
//! | [`send`](Sender::send) | blocks | gives the message back in an error |
//! | [`try_send`](Sender::try_send) | error `Full` | error `Closed` |
//! | [`send_timeout`](Sender::send_timeout), [`send_deadline`](Sender::send_deadline) | blocks, then error `Timeout` | error `Closed` |
//! | [`send_async`](Sender::send_async) | is pending | error |
//! | [`recv`](Receiver::recv), [`iter`](Receiver::iter) | blocks | what is in the buffer, then `None` |
//! | [`try_recv`](Receiver::try_recv) | error `Empty` | what is in the buffer, then error `Closed` |
//! | [`recv_timeout`](Receiver::recv_timeout), [`recv_deadline`](Receiver::recv_deadline) | blocks, then error `Timeout` | what is in the buffer, then error `Closed` |
//! | [`recv_async`](Receiver::recv_async), [`stream`](Receiver::stream) | is pending | what is in the buffer, then `None` |
//!
//! A channel is closed by [`close`](Sender::close) on either end, when its last sender is dropped, or
//! when its last receiver is (which also drops what is in the buffer). Closing wakes everyone.
//!
//! Blocking parks a goroutine, and its processor runs others meanwhile; a plain thread is put to
//! sleep. An operation that does not have to wait, `try_send` and `try_recv` among them, yields when the
//! goroutine's time slice is over. All of this works between goroutines of one or of several runtimes, plain threads, and
//! futures on any executor. A goroutine that blocks when its runtime is [shut down](crate::Runtime::shutdown) is unwound, and
//! what it wanted to send is dropped. Waiting for several channels is what [`select`](mod@crate::select) is for.
//!
//! [`after`], [`at`] and [`tick`] make receivers that time sends to; [`never()`] one that nobody does.
//
// # How it works
//
// One lock, around a ring buffer and two lists of waiters (`core`, `state`). A lock that is free costs one
// atomic exchange, which is what a lock-free queue pays for an operation as well, and what it guards
// then needs no care: hand-off, closing, time-outs and select are plain code.
//
// | state | ring | senders wait | receivers wait |
// |---|---|---|---|
// | idle | empty | no | no |
// | holding | below capacity | no | no |
// | full | at capacity (or above, see `put_back`); always, if the capacity is 0 | maybe | no |
// | wanted | empty | no | yes |
// | closed | drained by receivers | no | no |
//
// "Waits" means a waiter whose wait is *open*, so that it can be claimed (see `park::word`). Lists may
// also hold waiters whose wait is over: they timed out, or another arm of their select won. Who
// meets one takes it off.
//
// Invariants, whenever the lock is free:
//
// I1. Under the lock runs no user code: no destructor, no waker, no clone, and no allocation. Claims
//     that were made under it are woken after it is given back; if they are several, wakers of futures are
//     called when all are, as these may drop other futures (see `park::queue::AnyClaim`).
// I2. A waiter on a list is alive and in place. Its owner does not leave before it was taken off:
//     by a claimer that then wakes the owner and touches neither afterwards, by somebody who found its
//     wait over, whose last touch that was, or by the owner itself with the lock.
// I3. If a sender waits, the ring holds as many messages as the capacity or more. So a message that
//     finds room has nobody to wait behind, and whoever takes one from the ring lets the first
//     waiting sender's in, under the same lock.
// I4. If a receiver waits, the ring is empty and no sender waits, except for one of the same select.
//     So a message that finds a receiver waiting is the oldest there is.
// I5. Once closed, nobody joins the lists, the ring is shut (it has no room), and the lists are
//     being emptied by who closed it.
// I6. A message is in one place: its sender's slot, the ring, or its receiver's slot; and a slot has
//     one owner, the claimer from claim to wake, the waiter at all other times. So it is dropped once,
//     whoever panics: a slot is an `Option` that is dropped with its owner's frame.
//
// Considered and rejected:
//
// - A lock-free ring with sequence numbers, and a list of waiters beside it (crossbeam's). The pair
//   of operations takes 16 ns there and 5 ns here, as it needs fences against the list of waiters,
//   and strict hand-off is not to be had.
// - Waking a receiver so that it tries again, instead of handing it the message. Then somebody else can
//   be faster, again and again, and a `try_send` to a waiting receiver has nowhere to put the message.
// - The message within the waiter. The pointer to a slot costs nothing, and a `recv` can use the memory
//   that its result is returned in.
// - Parking without the lock given back by a callback after the switch (Go's `gopark` with an unlock
//   function): the park word does that job, as a claim may come before the waiter is off its CPU.
// - A separate kind of channel behind each `Receiver` for `after`, `tick` and `never` (crossbeam's
//   flavours): a branch in every receive. Here the question for the timer comes when a receive finds
//   nothing, which is slow anyway.
// - Messages that dropped futures give back in the order in which they were sent. The lock would have to guard a number for
//   each, wherever it goes next; and among those that others have received meanwhile they are late anyway.
// - `try_recv` by the look without the lock that a select takes (`Core::looks_readable`): then of two
//   tasks that each send and then look for the other's message, both could miss it.

mod alarm;
mod blocking;
pub(crate) mod core;
mod error;
mod future;
mod iter;
#[cfg(all(test, loom))]
mod models;
mod recv;
pub(crate) mod register;
mod ring;
mod send;
pub(crate) mod slot;
mod state;
pub(crate) mod timer;

pub use error::{RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use future::{RecvFuture, RecvStream, SendFuture};
pub use iter::{IntoIter, Iter, TryIter};
pub use recv::Receiver;
pub use send::Sender;
pub use timer::{after, at, never, tick};

use crate::prim::atomic::{AtomicUsize, Ordering::Relaxed};

/// Makes a channel with a buffer for `capacity` messages.
///
/// With capacity zero there is no buffer: a send waits for a receive and the other way round. A
/// large buffer is not allocated at once but grows, up to the capacity, with what it has to hold.
///
/// ```
/// use gort::chan::chan;
///
/// let (tx, rx) = chan(2);
/// tx.send("a").unwrap();
/// tx.send("b").unwrap(); // a third one would block
/// drop(tx);
/// assert!(rx.iter().eq(["a", "b"]));
/// ```
pub fn chan<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let core = core::Core::new(capacity, None);
    (Sender::from_core(core.clone()), Receiver::from_core(core))
}

/// A channel without a buffer that only its senders close: its receiver may be lent to anybody.
#[cfg(not(loom))]
pub(crate) fn lent<T>() -> (Sender<T>, Receiver<T>) {
    let core = core::Core::lent();
    (Sender::from_core(core.clone()), Receiver::from_core(core))
}

/// As [`never()`], and nobody can close it: its receiver may be lent to everybody, and a select passes it over.
#[cfg(not(loom))]
pub(crate) fn silent<T>() -> Receiver<T> {
    Receiver::from_core(core::Core::silent())
}

/// Counts one handle more of an end.
fn count_up(handles: &AtomicUsize) {
    // As with `Arc`: a count that wraps around by forgetting handles would free what is in use.
    if handles.fetch_add(1, Relaxed) > usize::MAX / 2 {
        std::process::abort();
    }
}
