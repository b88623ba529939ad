//! Channels.

mod alarm;
pub(crate) mod core;
mod error;
mod future;
mod iter;
mod recv;
mod ring;
mod send;
mod timer;
pub(crate) mod wait_list;

pub use error::{RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use future::{RecvFuture, RecvStream, SendFuture};
pub use iter::{IntoIter, Iter, TryIter};
pub use recv::Receiver;
pub use send::Sender;
pub use timer::{after, at, never, tick};

use crate::prim::atomic::{AtomicUsize, Ordering::Relaxed};

/// Makes a channel: what is sent at one end is received at the other, in order.
pub fn chan<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let core = core::Core::new(capacity, None);
    (Sender::from_core(core.clone()), Receiver::from_core(core))
}

/// Counts one handle more of an end.
fn count_up(handles: &AtomicUsize) {
    // As with `Arc`: a count that wraps around by forgetting handles would free what is in use.
    if handles.fetch_add(1, Relaxed) > usize::MAX / 2 {
        std::process::abort();
    }
}
