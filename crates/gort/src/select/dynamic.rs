//! A select whose arms are made at run time.

use super::any_arm::{AnyArm, Direction, recv_core, send_core};
use super::arms::{RecvArm, SendArm};
use super::engine::{self, Arms};
use super::standing::{GivenUp, StandingArms};
use crate::chan::{Receiver, SendError, Sender};
use crate::clock::Deadline;
use crate::park::{self, Outcome};
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

/// A `select!` whose arms are put together at run time (Go's `reflect.Select`).
///
/// [`recv`](Self::recv) and [`send`](Self::send) add arms and number them from zero.
/// [`select`](Self::select) and its relatives wait until one of them goes ahead, and return it as a
/// [`SelectedOperation`], which is completed with the channel it was about:
///
/// ```
/// use gort::chan::chan;
/// use gort::select::Select;
///
/// let (tx, rx) = chan(1);
/// let (out, _gone) = chan(0);
/// tx.send("hello").unwrap();
///
/// let mut select = Select::new();
/// let incoming = select.recv(&rx);
/// let outgoing = select.send(&out, "bye");
/// let oper = select.select();
/// match oper.index() {
///     i if i == incoming => assert_eq!(oper.recv(&rx), Some("hello")),
///     i if i == outgoing => oper.send(&out).unwrap(),
///     _ => unreachable!(),
/// }
/// ```
///
/// A message passes from one goroutine to the other in the moment the arm is chosen. So an arm that
/// sends needs its message beforehand, and is *spent* once it was chosen: it takes no part until
/// [`resend`](Self::resend) gives it another message. An arm that receives can be chosen again and
/// again. [`take`](Self::take) gets the message of an arm back that was not sent; what is left in a
/// dropped `Select` is dropped. (So there is nothing like crossbeam's `ready`, which tells of an operation that is still to be
/// tried. Who does not want what was received [drops the operation](SelectedOperation).)
///
/// Unless [`biased`](Self::biased), the choice among arms that are ready is random: of up to
/// sixteen arms each is as likely as any other. Of more, each is as likely to be the first one tried,
/// and of any two each is as likely to be tried before the other.
///
/// Any number of arms will do up to two million, each costing an allocation once. With more than sixteen
/// arms that all receive (and not from a channel that time sends to) a run that waits, and is not biased, costs the same however
/// many there are, as the arms stay with their channels; otherwise it takes a few instructions for each.
/// A select without arms (or with spent ones only) blocks for ever, like Go's.
pub struct Select<'a> {
    arms: Vec<Option<Box<dyn AnyArm + 'a>>>,
    biased: bool,
    /// Are all arms such that they can stay with their channels from one run to the next?
    can_stand: bool,
    /// If some do.
    standing: Option<StandingArms>,
    /// The arm that went ahead last, until its operation is completed or dropped. One that is leaked leaves it here, and what it has
    /// received in its arm, which is to be empty when it receives again.
    selected: Option<usize>,
}

impl<'a> Select<'a> {
    /// A select without arms.
    pub fn new() -> Self {
        Self { arms: Vec::new(), biased: false, can_stand: true, standing: None, selected: None }
    }

    /// From now on the first arm that is ready is chosen, in the order in which they were added.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (tx, rx) = chan(2);
    /// tx.send(1).unwrap();
    /// let mut select = Select::new().biased();
    /// select.recv(&rx);
    /// select.recv(&rx);
    /// let oper = select.select();
    /// assert_eq!(oper.index(), 0);
    /// assert_eq!(oper.recv(&rx), Some(1));
    /// ```
    pub fn biased(mut self) -> Self {
        self.biased = true;
        self
    }

    /// Adds an arm that receives, and returns its index. [`remove`](Self::remove) has an example.
    pub fn recv<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(Box::new(RecvArm::new(Some(receiver))))
    }

    /// Adds an arm that sends `message`, and returns its index. [`resend`](Self::resend) has an example.
    pub fn send<T: 'a>(&mut self, sender: &'a Sender<T>, message: T) -> usize {
        self.can_stand = false;
        self.add(Box::new(SendArm::new(Some((sender, message)))))
    }

    fn add(&mut self, arm: Box<dyn AnyArm + 'a>) -> usize {
        let index = self.arms.len();
        self.arms.push(Some(arm));
        if let Some(standing) = &mut self.standing {
            standing.add(index);
        }
        index
    }

    /// Gives an arm that sends another message, and returns the one that it had and did not send.
    ///
    /// # Panics
    /// If `index` is not the index of an arm that sends to this channel.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (tx, rx) = chan(2);
    /// let mut select = Select::new();
    /// let arm = select.send(&tx, 1);
    /// select.select().send(&tx).unwrap();
    /// assert_eq!(select.resend(arm, &tx, 2), None);
    /// select.select().send(&tx).unwrap();
    /// assert!(rx.try_iter().eq([1, 2]));
    /// ```
    #[track_caller]
    pub fn resend<T>(&mut self, index: usize, sender: &Sender<T>, message: T) -> Option<T> {
        self.send_arm(index, sender).replace(message)
    }

    /// Takes the message out of an arm that has not sent it. The arm is then spent.
    ///
    /// # Panics
    /// If `index` is not the index of an arm that sends to this channel.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (tx, _rx) = chan(0);
    /// let mut select = Select::new();
    /// let arm = select.send(&tx, "unsent");
    /// assert!(select.try_select().is_err());
    /// assert_eq!(select.take(arm, &tx), Some("unsent"));
    /// ```
    #[track_caller]
    pub fn take<T>(&mut self, index: usize, sender: &Sender<T>) -> Option<T> {
        self.send_arm(index, sender).take()
    }

    /// Removes an arm; a message it did not send is dropped. The others keep their indices.
    ///
    /// # Panics
    /// If there is no arm with this index, or it was removed before.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (tx, rx) = chan::<u8>(0);
    /// drop(tx);
    /// let mut select = Select::new();
    /// let arm = select.recv(&rx);
    /// assert_eq!(select.select().recv(&rx), None);
    /// select.remove(arm); // it would be ready again and again
    /// assert!(select.try_select().is_err());
    /// ```
    #[track_caller]
    pub fn remove(&mut self, index: usize) {
        self.settle();
        let Some(arm) = self.arms.get(index).and_then(Option::as_deref) else {
            panic!("a select has no arm with the index {index}")
        };
        // It may stand, and is not moved as long as it does.
        arm.unregister();
        self.arms[index] = None;
    }

    /// Blocks until one of the arms goes ahead: for ever, if there is none. A goroutine is parked, a
    /// plain thread put to sleep.
    ///
    /// # Panics
    /// If it has to wait with more than two million arms.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| chan(0)).unzip();
    /// for (tx, n) in senders.into_iter().zip(1..) {
    ///     gort::go!(move || tx.send(n)); // and drops it
    /// }
    /// let mut select = Select::new();
    /// receivers.iter().for_each(|rx| _ = select.recv(rx));
    /// let (mut sum, mut open) = (0, 4);
    /// while open > 0 {
    ///     let oper = select.select();
    ///     let index = oper.index();
    ///     match oper.recv(&receivers[index]) {
    ///         Some(n) => sum += n,
    ///         None => {
    ///             select.remove(index); // closed
    ///             open -= 1;
    ///         }
    ///     }
    /// }
    /// assert_eq!(sum, 10);
    /// ```
    pub fn select(&mut self) -> SelectedOperation<'_, 'a> {
        self.run(Some(Deadline::NEVER)).expect("a select without a deadline ends with an arm")
    }

    /// Lets one of the arms go ahead if that can be done without blocking. Yields if the goroutine's time slice is over.
    ///
    /// # Errors
    /// If none of them can.
    ///
    /// ```
    /// let (_tx, rx) = gort::chan::chan::<()>(0);
    /// let mut select = gort::select::Select::new();
    /// select.recv(&rx);
    /// assert!(select.try_select().is_err());
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'_, 'a>, TrySelectError> {
        self.run(None).ok_or(TrySelectError)
    }

    /// As [`select`](Self::select), but blocks for `timeout` at most.
    ///
    /// # Errors
    /// If time is up. Then no arm has gone ahead.
    ///
    /// # Panics
    /// If it has to wait with more than two million arms.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    /// use std::time::Duration;
    ///
    /// let (_tx, rx) = chan::<u8>(0);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.select_timeout(Duration::from_millis(2)).is_err());
    /// ```
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'_, 'a>, SelectTimeoutError> {
        self.run(Some(Deadline::after(timeout))).ok_or(SelectTimeoutError)
    }

    /// As [`select`](Self::select), but blocks until `deadline` at the latest.
    ///
    /// # Errors
    /// If time is up. Then no arm has gone ahead.
    ///
    /// # Panics
    /// If it has to wait with more than two million arms.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    /// use std::time::Instant;
    ///
    /// let (_tx, rx) = chan::<u8>(0);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// assert!(select.select_deadline(Instant::now()).is_err());
    /// ```
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'_, 'a>, SelectTimeoutError> {
        self.run(Some(Deadline::at(deadline))).ok_or(SelectTimeoutError)
    }

    fn run(&mut self, deadline: Option<Deadline>) -> Option<SelectedOperation<'_, 'a>> {
        self.settle();
        let index = match deadline {
            Some(deadline) => self.run_waiting(deadline)?,
            None => engine::run(&*self.arms, None, self.biased, None)?,
        };
        self.selected = Some(index);
        Some(SelectedOperation { select: self, index })
    }

    fn run_waiting(&mut self, deadline: Deadline) -> Option<usize> {
        let count = self.arms.len();
        if self.can_stand && !self.biased && (engine::FEW + 1..=Outcome::MAX_ARMS).contains(&count)
        {
            let standing = self
                .standing
                .get_or_insert_with(|| StandingArms::new(count, engine::random(&*self.arms)));
            match standing.run(&*self.arms, deadline) {
                Ok(index) => return index,
                Err(GivenUp::CannotStand) => self.can_stand = false,
                Err(GivenUp::Shutdown) => park::unwind(),
            }
        }
        self.end_standing();
        engine::run(&*self.arms, None, self.biased, Some(deadline))
    }

    /// Ends the last operation, if it was not completed: by having been dropped, or now.
    fn settle(&mut self) {
        if let Some(index) = self.selected.take() {
            self.arms.arm(index).abandon();
        }
    }

    /// Takes all arms off their channels' lists.
    fn end_standing(&mut self) {
        if self.standing.is_some() {
            for arm in self.arms.iter().flatten() {
                arm.unregister();
                arm.set_standing(false);
            }
            self.standing = None;
        }
    }

    #[track_caller]
    fn send_arm<T>(&self, index: usize, sender: &Sender<T>) -> &SendArm<'a, T> {
        let arm = self.arms.arm(index);
        let right = arm.is(Direction::Send, send_core(sender));
        assert!(right, "the arm with the index {index} of a select does not send to this channel");
        // SAFETY: it is an arm that sends to a channel with the same address, so it is the same
        // channel, and its messages have the same type.
        unsafe { &*std::ptr::from_ref(arm).cast::<SendArm<'a, T>>() }
    }

    #[track_caller]
    fn recv_arm<T>(&self, index: usize, receiver: &Receiver<T>) -> &RecvArm<'a, T> {
        let arm = self.arms.arm(index);
        let right = arm.is(Direction::Recv, recv_core(receiver));
        assert!(
            right,
            "the arm with the index {index} of a select does not receive from this channel"
        );
        // SAFETY: as in `send_arm`.
        unsafe { &*std::ptr::from_ref(arm).cast::<RecvArm<'a, T>>() }
    }
}

impl Drop for Select<'_> {
    fn drop(&mut self) {
        self.end_standing();
        self.settle();
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arms = self.arms.iter().enumerate();
        let arms = arms.filter_map(|(index, arm)| Some((index, arm.as_deref()?.show())));
        f.debug_map().entries(arms).finish()
    }
}

/// An arm of a [`Select`] that went ahead.
///
/// Dropped instead of completed, it loses nothing: a message that was received becomes the next
/// one of its channel again (or goes to another receiver that waits), and one that could not be sent
/// stays in its arm. The same if it is leaked (by [`std::mem::forget`]), when its `Select` is used or dropped next.
///
/// ```
/// use gort::{chan::chan, select::Select};
///
/// let (tx, rx) = chan(1);
/// tx.send("kept").unwrap();
/// let mut select = Select::new();
/// select.recv(&rx);
/// drop(select.select());
/// assert_eq!(rx.try_recv(), Ok("kept"));
/// ```
#[must_use = "an operation that is not completed puts its message back"]
pub struct SelectedOperation<'s, 'a> {
    select: &'s mut Select<'a>,
    index: usize,
}

impl SelectedOperation<'_, '_> {
    /// The index of the arm, as [`Select::recv`] or [`Select::send`] returned it.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What was received; `None` if the channel is closed and drained. [`Select::remove`] has an example.
    ///
    /// # Panics
    /// If the arm is not one that receives from this channel; the message goes back to its channel.
    #[track_caller]
    pub fn recv<T>(self, receiver: &Receiver<T>) -> Option<T> {
        self.select.recv_arm(self.index, receiver).take()
    }

    /// How the sending went.
    ///
    /// # Errors
    /// If the channel is closed: the message comes back.
    ///
    /// # Panics
    /// If the arm is not one that sends to this channel.
    ///
    /// ```
    /// use gort::{chan::chan, select::Select};
    ///
    /// let (tx, rx) = chan(0);
    /// drop(rx);
    /// let mut select = Select::new();
    /// select.send(&tx, "mine"); // on a closed channel it goes ahead at once
    /// assert_eq!(select.select().send(&tx).unwrap_err().into_inner(), "mine");
    /// ```
    #[track_caller]
    pub fn send<T>(self, sender: &Sender<T>) -> Result<(), SendError<T>> {
        match self.select.send_arm(self.index, sender).take() {
            None => Ok(()),
            Some(message) => Err(SendError(message)),
        }
    }
}

impl Drop for SelectedOperation<'_, '_> {
    fn drop(&mut self) {
        self.select.settle();
    }
}

impl fmt::Debug for SelectedOperation<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedOperation").field("index", &self.index).finish_non_exhaustive()
    }
}

/// No arm of a [`Select`] was ready.
///
/// ```
/// let mut select = gort::select::Select::new(); // without arms
/// assert_eq!(select.try_select().unwrap_err().to_string(), "no arm of the select is ready");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrySelectError;

/// No arm of a [`Select`] was ready in time.
///
/// ```
/// use std::time::Duration;
///
/// let rx = gort::chan::never::<()>();
/// let mut select = gort::select::Select::new();
/// select.recv(&rx);
/// let error = select.select_timeout(Duration::from_millis(1)).unwrap_err();
/// assert_eq!(error.to_string(), "timed out waiting for an arm of the select");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectTimeoutError;

impl fmt::Display for TrySelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no arm of the select is ready")
    }
}

impl fmt::Display for SelectTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out waiting for an arm of the select")
    }
}

impl Error for TrySelectError {}
impl Error for SelectTimeoutError {}
