//! may's channels have no bounds. Where a workload needs back-pressure a semaphore adds one.

use may::sync::{Semphore, mpmc, mpsc, spsc};
use std::sync::Arc;
use workloads::{Receiver, Sender};

/// An end of a channel.
#[derive(Clone)]
pub struct Channel<End> {
    end: End,
    room: Option<Arc<Semphore>>,
}

/// Puts a bound of `capacity`, at least one, to a channel if there is to be `flow` control.
pub fn bound<Tx, Rx>(
    (tx, rx): (Tx, Rx),
    capacity: usize,
    flow: bool,
) -> (Channel<Tx>, Channel<Rx>) {
    let room = flow.then(|| Arc::new(Semphore::new(capacity.max(1))));
    (Channel { end: tx, room: room.clone() }, Channel { end: rx, room })
}

macro_rules! ends {
    ($kind:ident) => {
        impl<T: Send + 'static> Sender<T> for Channel<$kind::Sender<T>> {
            #[inline]
            fn send(&self, value: T) {
                if let Some(room) = &self.room {
                    room.wait();
                }
                // An error means that nobody wants the value any more.
                let _ = self.end.send(value);
            }
        }

        impl<T: Send + 'static> Receiver<T> for Channel<$kind::Receiver<T>> {
            #[inline]
            fn recv(&self) -> Option<T> {
                let received = self.end.recv().ok();
                if let Some(room) = &self.room {
                    room.post();
                }
                received
            }
        }
    };
}

ends!(spsc);
ends!(mpsc);
ends!(mpmc);
