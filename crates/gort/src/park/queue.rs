//! Who waits for something: a queue in order of arrival, linked through the waiters' own memory.
//!
//! A [`Waiter`] is a node of a blocked call, in its goroutine's record or on its stack (see [`super::with_room`]), or within a
//! select's arm, or a future. Its links belong to the queue, that is, to whoever holds the lock that guards it. What a waiter
//! wants, or brings, is its `payload`: a channel's slot, the number of permits, to read or to write.
//!
//! A waiter whose wait is over (it timed out, another arm of its select won) may still be linked for
//! a moment; who meets one takes it off. Its owner unlinks it in any case before it goes on, or sees that
//! it is off: who takes it off touches neither it nor its task afterwards, unless it has claimed the wait.

use super::future;
use super::{Claim, Outcome, Ticket, standing};
use crate::prim::atomic::{AtomicBool, Ordering::*};
use gort_context::prefetch;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;
use std::task::Waker;

/// One wait of one task for one thing.
pub(crate) struct Waiter<P> {
    next: Cell<*const Waiter<P>>,
    prev: Cell<*const Waiter<P>>,
    /// What to claim; `None` before the first wait.
    ticket: Cell<Option<Ticket>>,
    payload: Cell<P>,
    /// The outcome to claim with: the number of the arm in a select.
    arm: Cell<u32>,
    /// Is it in the queue? Written by whoever holds the queue.
    linked: AtomicBool,
    kind: Cell<Kind>,
    /// Its place is used for something else as soon as its owner sees that it is off.
    #[cfg(all(test, loom))]
    life: crate::prim::model::Life,
}

/// Whose wait a waiter's ticket is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A goroutine's or a thread's.
    Own,
    /// A [`Standing`](super::standing::Standing) one's.
    Standing,
    /// A [future's](future::FutureTask).
    Polled,
}

impl<P: Copy> Waiter<P> {
    /// One for the tickets of a [`FutureTask`](future::FutureTask).
    pub(crate) fn polled(payload: P) -> Self {
        Self { kind: Cell::new(Kind::Polled), ..Self::new(payload) }
    }

    #[inline(always)]
    pub(crate) fn new(payload: P) -> Self {
        Self {
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            ticket: Cell::new(None),
            payload: Cell::new(payload),
            arm: Cell::new(0),
            linked: AtomicBool::new(false),
            kind: Cell::new(Kind::Own),
            #[cfg(all(test, loom))]
            life: crate::prim::model::Life::new(),
        }
    }

    /// One that is ready for a wait.
    #[inline(always)]
    pub(crate) fn armed_in(
        place: &mut MaybeUninit<Self>,
        ticket: Ticket,
        arm: usize,
        payload: P,
    ) -> &Self {
        let waiter = place.write(Waiter::new(payload));
        waiter.set(ticket, arm, payload);
        waiter
    }

    /// Makes it ready for a wait. It is in no queue.
    #[inline(always)]
    pub(crate) fn set(&self, ticket: Ticket, arm: usize, payload: P) {
        debug_assert!(self.is_off());
        self.ticket.set(Some(ticket));
        self.payload.set(payload);
        self.arm.set(arm as u32);
    }

    /// Owner, while it is in no queue, or is just being taken off by who has left a note: from now on its tickets are those of a
    /// standing wait, or of other waits.
    pub(crate) fn set_standing(&self, stands: bool) {
        self.kind.set(if stands { Kind::Standing } else { Kind::Own });
    }

    /// Owner, when the wait is over: has the waiter been taken off the queue, or never been put on it? Then it
    /// needs no [`unlink`](WaitQueue::unlink), nor the lock for that.
    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        !self.linked.load(Acquire)
    }
}

/// The queue.
///
/// Invariant: whatever is linked is alive and stays in place (the promise made to
/// [`push`](Self::push)), so that who holds the queue may follow its links.
pub(crate) struct WaitQueue<P> {
    head: *const Waiter<P>,
    tail: *const Waiter<P>,
}

// SAFETY: the pointers lead to waiters that are only touched by whoever holds the queue.
unsafe impl<P: Send> Send for WaitQueue<P> {}

impl<P: Copy> WaitQueue<P> {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null(), tail: ptr::null() }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Has the first one fetched, for who is about to claim it.
    ///
    /// # Safety
    /// There is a queue, which others may change meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn prefetch_first(this: *const Self) {
        // SAFETY: a field of what is there.
        let head = unsafe { &raw const (*this).head };
        // SAFETY: as above; it is only read in assembly.
        unsafe { prefetch::behind(head, 1) };
    }

    /// The payload of the first, whose wait may be over.
    pub(crate) fn first(&self) -> Option<P> {
        // SAFETY: the head is null or linked, and so alive.
        unsafe { self.head.as_ref() }.map(|first| first.payload.get())
    }

    /// Appends `waiter`, which was [`set`](Waiter::set) and is in no queue.
    ///
    /// # Safety
    /// The waiter, and what its payload points to, stay alive and in place until the waiter is off
    /// the queue (which [`claim_first`](Self::claim_first) or [`unlink`](Self::unlink) see to) and, if
    /// it was claimed, until its wait is over.
    #[inline(always)]
    pub(crate) unsafe fn push(&mut self, waiter: &Waiter<P>) {
        waiter.next.set(ptr::null());
        waiter.prev.set(self.tail);
        waiter.linked.store(true, Relaxed);
        // SAFETY: the tail is null or linked, and so alive.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.next.set(waiter),
            None => self.head = waiter,
        }
        self.tail = waiter;
    }

    /// As [`push`](Self::push), before all others.
    ///
    /// # Safety
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn push_front(&mut self, waiter: &Waiter<P>) {
        waiter.prev.set(ptr::null());
        waiter.next.set(self.head);
        waiter.linked.store(true, Relaxed);
        // SAFETY: the head is null or linked, and so alive.
        match unsafe { self.head.as_ref() } {
            Some(head) => head.prev.set(waiter),
            None => self.tail = waiter,
        }
        self.head = waiter;
    }

    /// Takes `waiter` off the queue, if it is still on it.
    ///
    /// # Safety
    /// It is on no other queue.
    #[inline]
    pub(crate) unsafe fn unlink(&mut self, waiter: &Waiter<P>) {
        if waiter.linked.load(Relaxed) {
            self.take_off(waiter);
        }
    }

    /// As [`unlink`](Self::unlink), of a waiter that is on this queue.
    #[inline(always)]
    fn take_off(&mut self, waiter: &Waiter<P>) {
        let (prev, next) = (waiter.prev.get(), waiter.next.get());
        // SAFETY: neighbours are null or linked, and so alive.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => self.head = next,
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => self.tail = prev,
        }
        #[cfg(all(test, loom))]
        waiter.life.touch();
        // Last, as its owner may be gone from now on.
        waiter.linked.store(false, Release);
    }

    /// Takes waiters off the front up to the first whose wait can be claimed, and claims it with its
    /// arm. What its payload points to is the caller's until it wakes the claim.
    #[inline]
    pub(crate) fn claim_first(&mut self) -> Option<(Claim, P)> {
        // SAFETY: the head is null or linked, and so alive.
        while let Some(first) = unsafe { self.head.as_ref() } {
            if let Some(claimed) = self.claim(first, Outcome::arm(first.arm.get() as usize)) {
                return Some(claimed);
            }
        }
        None
    }

    /// As [`claim_first`](Self::claim_first), for who claims several before it wakes one.
    pub(crate) fn claim_first_of_many(&mut self) -> Option<AnyClaim> {
        // SAFETY: the head is null or linked, and so alive.
        while let Some(first) = unsafe { self.head.as_ref() } {
            let is_polled = first.kind.get() == Kind::Polled;
            if let Some((claim, _)) = self.claim(first, Outcome::arm(first.arm.get() as usize)) {
                return Some(AnyClaim { claim, is_polled });
            }
        }
        None
    }

    /// As [`claim_first`](Self::claim_first), with the outcome that `decide` says for the first one's
    /// payload; `None`: it is to stay.
    #[inline]
    pub(crate) fn claim_first_if(
        &mut self,
        mut decide: impl FnMut(P) -> Option<Outcome>,
    ) -> Option<(Claim, P)> {
        // SAFETY: the head is null or linked, and so alive.
        while let Some(first) = unsafe { self.head.as_ref() } {
            let outcome = decide(first.payload.get())?;
            if let Some(claimed) = self.claim(first, outcome) {
                return Some(claimed);
            }
        }
        None
    }

    /// Takes the first off and claims it with `outcome`, to be woken with `claims`. False: there is none, or
    /// its wait was over.
    #[inline(always)]
    pub(crate) fn claim_head(&mut self, outcome: Outcome, claims: &mut Claims<P>) -> bool {
        // SAFETY: the head is null or linked, and so alive.
        let Some(first) = (unsafe { self.head.as_ref() }) else { return false };
        let claimed = self.claim(first, outcome);
        // SAFETY: its task waits until it is woken, which only `claims` can do now.
        claimed.is_some_and(|(claim, _)| unsafe {
            claims.push(first, claim);
            true
        })
    }

    /// Takes all off and claims them with `outcome`.
    pub(crate) fn claim_all(&mut self, outcome: Outcome) -> Claims<P> {
        let mut claims = Claims::new();
        while !self.is_empty() {
            self.claim_head(outcome, &mut claims);
        }
        claims
    }

    #[inline(always)]
    fn claim(&mut self, waiter: &Waiter<P>, outcome: Outcome) -> Option<(Claim, P)> {
        let payload = waiter.payload.get();
        let ticket = waiter.ticket.get();
        // SAFETY: the waiter cannot go on before it is off this queue and, if it was claimed, has been woken, so
        // its task is alive.
        let mut claim = ticket.and_then(|ticket| unsafe { ticket.claim(outcome) });
        if claim.is_none() && waiter.kind.get() == Kind::Standing {
            // SAFETY: as above; the ticket is a standing wait's.
            claim = ticket.and_then(|ticket| unsafe {
                standing::claim_or_note(ticket, waiter.arm.get(), outcome)
            });
        }
        self.take_off(waiter);
        claim.map(|claim| (claim, payload))
    }

    /// Is there a waiter other than those of the wait `me` that could be claimed?
    pub(crate) fn has_open_but(&mut self, me: Ticket) -> bool {
        let mut at = self.head;
        // SAFETY: what is linked is alive.
        while let Some(waiter) = unsafe { at.as_ref() } {
            at = waiter.next.get();
            let Some(ticket) = waiter.ticket.get().filter(|t| *t != me) else { continue };
            // SAFETY: as in `claim`.
            if unsafe { ticket.is_open() } {
                return true;
            }
            let stands = waiter.kind.get() == Kind::Standing;
            // SAFETY: as above; the ticket is a standing wait's.
            if stands && unsafe { standing::is_open_or_note(ticket, waiter.arm.get()) } {
                return true;
            }
            self.take_off(waiter);
        }
        false
    }

    /// Is the last waiter one of the wait `me`?
    pub(crate) fn ends_with(&self, me: Ticket) -> bool {
        // SAFETY: the tail is null or linked, and so alive.
        unsafe { self.tail.as_ref() }.is_some_and(|last| last.ticket.get() == Some(me))
    }
}

/// A claim of which it is known whether it is of a future's wait: to wake that is code of the user's, which may end other waits,
/// by dropping futures, or wait for them. A wait that is claimed ends when it has been woken. So who has claimed several calls a
/// waker only when it has woken them all.
#[must_use = "a claimed task never goes on unless it is woken"]
pub(crate) struct AnyClaim {
    claim: Claim,
    /// Invariant: then its task is a [`FutureTask`](future::FutureTask).
    is_polled: bool,
}

impl AnyClaim {
    /// Lets the task go on. If it is a future's, the caller is to call what comes back, when it has no claims left.
    #[must_use = "a waker that is not called leaves a future waiting"]
    pub(crate) fn end(self) -> Option<Waker> {
        if self.is_polled {
            // SAFETY: by the invariant.
            return unsafe { future::end(self.claim) };
        }
        self.claim.wake();
        None
    }
}

/// Any number of claimed waiters, in the order in which they were taken off their queue, and linked as in it.
///
/// Invariant: those linked here are claimed, and nobody but this can wake them, so they are alive.
#[must_use = "a claimed task never goes on unless it is woken"]
pub(crate) struct Claims<P> {
    head: *const Waiter<P>,
    tail: *const Waiter<P>,
    len: usize,
}

impl<P: Copy> Claims<P> {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null(), tail: ptr::null(), len: 0 }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// `claim` is the waiter's, which is in no queue.
    unsafe fn push(&mut self, waiter: &Waiter<P>, claim: Claim) {
        claim.defer();
        waiter.next.set(ptr::null());
        // SAFETY: by the invariant.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.next.set(waiter),
            None => self.head = waiter,
        }
        self.tail = waiter;
        self.len += 1;
    }

    /// Lets them all go on; to be called when their queue is free again.
    ///
    /// The first goes last: who is made ready runs next, and pushes who was to run next to the end of the run
    /// queue. So on one processor they run in their order.
    #[inline]
    pub(crate) fn wake(self) {
        self.for_each(|waiter| {
            debug_assert!(waiter.kind.get() != Kind::Polled);
            Self::claimed(waiter).wake();
        });
    }

    /// As [`wake`](Self::wake), of a queue in which futures may have been; their wakers are called [last](AnyClaim).
    #[inline]
    pub(crate) fn wake_futures_too(self) {
        if !self.head.is_null() {
            self.wake_any();
        }
    }

    #[inline(never)]
    fn wake_any(self) {
        let mut wakers = Vec::new();
        self.for_each(|waiter| {
            let is_polled = waiter.kind.get() == Kind::Polled;
            wakers.extend(AnyClaim { claim: Self::claimed(waiter), is_polled }.end());
        });
        wakers.into_iter().for_each(future::wake);
    }

    /// Calls `wake` with each; the waiter may be gone when that returns.
    #[inline(always)]
    fn for_each(self, mut wake: impl FnMut(&Waiter<P>)) {
        // SAFETY: by the invariant.
        let Some(first) = (unsafe { self.head.as_ref() }) else { return };
        let mut at = first.next.get();
        // SAFETY: as above; each is woken last of all that is done with it.
        while let Some(waiter) = unsafe { at.as_ref() } {
            at = waiter.next.get();
            wake(waiter);
        }
        wake(first);
    }

    #[inline(always)]
    fn claimed(waiter: &Waiter<P>) -> Claim {
        let ticket = waiter.ticket.get().expect("a waiter that was claimed has a ticket");
        // SAFETY: it was claimed in `push`.
        unsafe { ticket.claimed() }
    }
}
