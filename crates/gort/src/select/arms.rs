//! The arms of the `select!` macros, and what these call.
//!
//! Arms have no `Drop`, so that what they borrow is free again after `finish`.

use super::engine::{self, Arms, RawArm};
use crate::chan::core::Ended;
use crate::chan::register::Registered;
use crate::chan::slot::{Slot, Waiter};
use crate::chan::{Receiver, SendError, Sender};
use crate::clock::Deadline;
use crate::park::Ticket;
use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr;
use std::time::Duration;

/// What an arm of [`select`] can be.
#[allow(private_bounds, reason = "nobody else is to implement or call it")]
pub trait Arm: RawArm {}

/// `recv(rx) -> message`.
pub struct RecvArm<'a, T> {
    receiver: Option<&'a Receiver<T>>,
    waiter: Waiter<T>,
    slot: Slot<T>,
    chosen: Cell<bool>,
}

impl<'a, T> RecvArm<'a, T> {
    /// An arm that receives from `receiver`; `None`: it is off.
    #[inline(always)]
    pub fn new(receiver: Option<&'a Receiver<T>>) -> Self {
        Self {
            receiver,
            waiter: Waiter::new(ptr::null()),
            slot: Slot::new(None),
            chosen: Cell::new(false),
        }
    }

    /// What was received, if the arm was chosen: `Some(None)` if the channel is closed and drained.
    #[inline(always)]
    pub fn finish(self) -> Option<Option<T>> {
        self.chosen.get().then(|| self.slot.into_inner())
    }

    /// Does it seem that there is something to receive?
    #[inline(always)]
    pub fn look(&self) -> bool {
        self.receiver.is_some_and(|receiver| receiver.core().looks_readable())
    }

    pub(super) fn receiver(&self) -> Option<&'a Receiver<T>> {
        self.receiver
    }

    pub(super) fn waiter(&self) -> &Waiter<T> {
        &self.waiter
    }

    /// Takes what was received, and makes the arm ready for another run.
    pub(super) fn take(&self) -> Option<T> {
        self.chosen.set(false);
        // SAFETY: arms are only in use by others while `select` runs.
        unsafe { self.slot.take() }
    }
}

impl<T> Arm for RecvArm<'_, T> {}

impl<T> RawArm for RecvArm<'_, T> {
    #[inline]
    fn looks_ready(&self) -> bool {
        self.look()
    }

    fn is_ready(&self) -> bool {
        self.receiver.is_some_and(|receiver| receiver.core().is_readable())
    }

    #[inline]
    fn attempt(&self) -> bool {
        let Some(receiver) = self.receiver else { return false };
        // SAFETY: the arm is not registered, and has not received yet.
        let ready = unsafe { receiver.core().recv_now(&self.slot) } != Ended::TimedOut;
        self.chosen.set(ready);
        ready
    }

    unsafe fn register(&self, ticket: Ticket, index: usize) -> Registered {
        let Some(receiver) = self.receiver else { return Registered::Off };
        // All who have a context that never ends would take turns at the lock of one channel.
        if receiver.core().is_silent() {
            return Registered::Off;
        }
        // SAFETY: by this function's contract; the slot is empty as the arm has not received yet.
        unsafe { receiver.core().register_receiver(&self.waiter, &self.slot, ticket, index) }
    }

    fn unregister(&self) {
        if let Some(receiver) = self.receiver {
            receiver.core().forget_receiver(&self.waiter);
        }
    }

    fn win(&self) {
        self.chosen.set(true);
    }

    #[inline]
    fn random(&self) -> Option<u64> {
        self.receiver.map(|receiver| receiver.core().next_random())
    }
}

/// `send(tx, message) -> result`.
pub struct SendArm<'a, T> {
    sender: Option<&'a Sender<T>>,
    waiter: Waiter<T>,
    slot: Slot<T>,
    chosen: Cell<bool>,
}

impl<'a, T> SendArm<'a, T> {
    /// An arm that sends a message; `None`: it is off.
    #[inline(always)]
    pub fn new(sender_and_message: Option<(&'a Sender<T>, T)>) -> Self {
        let (sender, message) = sender_and_message.unzip();
        Self {
            sender,
            waiter: Waiter::new(ptr::null()),
            slot: Slot::new(message),
            chosen: Cell::new(false),
        }
    }

    /// How the sending went, if the arm was chosen.
    #[inline(always)]
    pub fn finish(self) -> Option<Result<(), SendError<T>>> {
        let chosen = self.chosen.get();
        let left = self.slot.into_inner();
        chosen.then(|| left.map_or(Ok(()), |message| Err(SendError(message))))
    }

    /// Does it seem that the message could be sent?
    #[inline(always)]
    pub fn look(&self) -> bool {
        self.sender.is_some_and(|sender| sender.core().looks_writable())
    }

    pub(super) fn sender(&self) -> Option<&'a Sender<T>> {
        self.sender
    }

    /// Takes the message that was not sent, and makes the arm ready for another run.
    pub(super) fn take(&self) -> Option<T> {
        self.chosen.set(false);
        // SAFETY: arms are only in use by others while `select` runs.
        unsafe { self.slot.take() }
    }

    /// Puts another message into the arm, and gives back one that was not sent.
    pub(super) fn replace(&self, message: T) -> Option<T> {
        let old = self.take();
        // SAFETY: as in `take`, which has emptied it; the message is not used otherwise.
        unsafe { self.slot.fill_from(&*ManuallyDrop::new(message)) };
        old
    }

    /// The sender, if there is a message to send.
    #[inline(always)]
    fn on(&self) -> Option<&'a Sender<T>> {
        // SAFETY: only called while the arm is not registered.
        self.sender.filter(|_| unsafe { self.slot.is_full() })
    }
}

impl<T> Arm for SendArm<'_, T> {}

impl<T> RawArm for SendArm<'_, T> {
    #[inline]
    fn looks_ready(&self) -> bool {
        self.look()
    }

    fn is_ready(&self) -> bool {
        self.sender.is_some_and(|sender| sender.core().is_writable())
    }

    #[inline]
    fn attempt(&self) -> bool {
        let Some(sender) = self.on() else { return false };
        // SAFETY: the arm is not registered, and there is a message in the slot.
        let ready = unsafe { sender.core().send_now(&self.slot) } != Ended::TimedOut;
        self.chosen.set(ready);
        ready
    }

    unsafe fn register(&self, ticket: Ticket, index: usize) -> Registered {
        let Some(sender) = self.on() else { return Registered::Off };
        // SAFETY: by this function's contract; there is a message in the slot.
        unsafe { sender.core().register_sender(&self.waiter, &self.slot, ticket, index) }
    }

    fn unregister(&self) {
        if let Some(sender) = self.sender {
            sender.core().forget_sender(&self.waiter);
        }
    }

    fn win(&self) {
        self.chosen.set(true);
    }

    #[inline]
    fn random(&self) -> Option<u64> {
        self.sender.map(|sender| sender.core().next_random())
    }
}

/// `after(duration)`.
pub struct AfterArm {
    after: Cell<After>,
}

#[derive(Clone, Copy)]
enum After {
    Off,
    /// From when the select finds that it has to wait; until then no clock is looked at.
    Duration(Duration),
    Deadline(Deadline),
}

impl AfterArm {
    /// An arm that is chosen when no other was for so long; `None`: it is off.
    #[inline(always)]
    pub fn new(duration: Option<Duration>) -> Self {
        Self { after: Cell::new(duration.map_or(After::Off, After::Duration)) }
    }

    /// Time is up only if nothing else is ready.
    #[inline(always)]
    pub fn look(&self) -> bool {
        false
    }
}

impl Arm for AfterArm {}

impl RawArm for AfterArm {
    #[inline]
    fn looks_ready(&self) -> bool {
        self.look()
    }

    fn is_ready(&self) -> bool {
        false
    }

    #[inline]
    fn attempt(&self) -> bool {
        false
    }

    unsafe fn register(&self, _: Ticket, _: usize) -> Registered {
        let deadline = match self.after.get() {
            After::Off => return Registered::Off,
            After::Deadline(deadline) => deadline,
            After::Duration(duration) => {
                let deadline = Deadline::after(duration);
                self.after.set(After::Deadline(deadline));
                deadline
            }
        };
        Registered::Until(deadline)
    }

    fn unregister(&self) {}

    fn win(&self) {}

    fn expire(&self) -> bool {
        true
    }

    fn is_due(&self) -> bool {
        matches!(self.after.get(), After::Duration(Duration::ZERO))
    }

    #[inline]
    fn random(&self) -> Option<u64> {
        None
    }
}

impl<'a> Arms for [&'a mut dyn Arm] {
    type Arm = dyn Arm + 'a;

    #[inline(always)]
    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    #[inline(always)]
    fn arm(&self, index: usize) -> &(dyn Arm + 'a) {
        &*self[index]
    }
}

/// Chooses among the arms, and returns the index of the one that went ahead; `N` if none
/// was ready and there is a default.
///
/// `looks` is what [`look`](RecvArm::look) says of each: who makes the arms knows what they are, and needs no calls
/// to look at them.
///
/// # Panics
/// If it has to wait with more than two million arms.
#[inline]
pub fn select<const N: usize>(
    looks: [bool; N],
    arms: &mut [&mut dyn Arm; N],
    biased: bool,
    has_default: bool,
) -> usize {
    let deadline = if has_default { None } else { Some(Deadline::NEVER) };
    let looked = (N <= engine::FEW).then(|| engine::ready(N, |index| looks[index]));
    engine::run(&arms[..], looked, biased, deadline).unwrap_or(N)
}

impl<T> fmt::Debug for RecvArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvArm").field(&self.receiver).finish()
    }
}

impl<T> fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendArm").field(&self.sender).finish()
    }
}

impl fmt::Debug for AfterArm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after: &dyn fmt::Debug = match &self.after.get() {
            After::Off => &None::<Duration>,
            After::Duration(duration) => &duration.clone(),
            After::Deadline(deadline) => &deadline.clone(),
        };
        f.debug_tuple("AfterArm").field(after).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::context::background;
    use crate::park::Task;

    #[test]
    fn an_arm_for_the_end_of_a_root_context_is_off() {
        let task = Task::new(|_| unreachable!());
        let root = background();
        let arm = RecvArm::new(Some(root.done()));
        // SAFETY: the arm stays in its place until it is unregistered.
        let registered = unsafe { arm.register(task.arm(), 0) };
        arm.unregister();
        task.disarm();
        assert!(matches!(registered, Registered::Off));
    }
}
