//! Arms whose messages' types are forgotten, of selects that are put together at run time.

use super::arms::{RecvArm, SendArm};
use super::engine::{Arms, RawArm};
use crate::chan::register::Registered;
use crate::chan::{Receiver, Sender};
use crate::park::Ticket;
use std::fmt;

/// An arm of which the message's type is forgotten.
pub(super) trait AnyArm: RawArm {
    /// Is it an arm that receives from (or sends to) the channel with its core there?
    fn is(&self, direction: Direction, core: *const ()) -> bool;
    /// The operation was chosen and not completed.
    fn abandon(&self);
    /// From now on it is registered for a standing wait, or for waits of one run. It is not registered now.
    fn set_standing(&self, _: bool) {}
    fn show(&self) -> &dyn fmt::Debug;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Recv,
    Send,
}

impl<T> AnyArm for RecvArm<'_, T> {
    fn is(&self, direction: Direction, core: *const ()) -> bool {
        direction == Direction::Recv && self.receiver().is_some_and(|rx| recv_core(rx) == core)
    }

    fn abandon(&self) {
        if let (Some(message), Some(receiver)) = (self.take(), self.receiver()) {
            receiver.core().put_back(message);
        }
    }

    fn set_standing(&self, stands: bool) {
        self.waiter().set_standing(stands);
    }

    fn show(&self) -> &dyn fmt::Debug {
        self
    }
}

impl<T> AnyArm for SendArm<'_, T> {
    fn is(&self, direction: Direction, core: *const ()) -> bool {
        direction == Direction::Send && self.sender().is_some_and(|tx| send_core(tx) == core)
    }

    fn abandon(&self) {}

    fn show(&self) -> &dyn fmt::Debug {
        self
    }
}

pub(super) fn recv_core<T>(receiver: &Receiver<T>) -> *const () {
    std::ptr::from_ref(receiver.core()).cast()
}

pub(super) fn send_core<T>(sender: &Sender<T>) -> *const () {
    std::ptr::from_ref(sender.core()).cast()
}

/// In the place of an arm that was removed.
#[derive(Debug)]
struct Removed;

impl RawArm for Removed {
    fn looks_ready(&self) -> bool {
        false
    }

    fn is_ready(&self) -> bool {
        false
    }

    fn attempt(&self) -> bool {
        false
    }

    unsafe fn register(&self, _: Ticket, _: usize) -> Registered {
        Registered::Off
    }

    fn unregister(&self) {}

    fn win(&self) {}

    fn random(&self) -> Option<u64> {
        None
    }
}

impl AnyArm for Removed {
    fn is(&self, _: Direction, _: *const ()) -> bool {
        false
    }

    fn abandon(&self) {}

    fn show(&self) -> &dyn fmt::Debug {
        self
    }
}

impl<'a> Arms for [Option<Box<dyn AnyArm + 'a>>] {
    type Arm = dyn AnyArm + 'a;

    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    #[inline]
    fn arm(&self, index: usize) -> &(dyn AnyArm + 'a) {
        match self.get(index) {
            Some(Some(arm)) => &**arm,
            _ => &Removed,
        }
    }
}
