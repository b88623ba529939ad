//! The lock under `Mutex` and `RwLock`: one word, and a queue of those who wait for it.
//!
//! | bits of the word | meaning |
//! |---|---|
//! | `WRITER` | somebody holds it alone |
//! | `QUEUED` | the queue is not empty |
//! | `WOKEN` | a writer was woken to try again, and has not done so yet |
//! | the rest | how many hold it as readers, times `READER` |
//!
//! Taking a free lock and giving it back are one compare-and-swap each. Whoever gives it back while
//! others are queued sees to the next one:
//!
//! - A writer that has come lately is only *woken*, and tries again; meanwhile the lock is free for
//!   whoever comes by. A goroutine that is woken takes its time to run, and the one that gives the lock
//!   back often wants it again at once; so a busy lock stays with a running goroutine for a while,
//!   and is not passed on with a switch at every turn (2 ns an operation against 60). While `WOKEN` is
//!   set, no other is woken.
//! - A writer that has waited for longer than [`PATIENCE`] is *handed* the lock: nobody comes in between.
//!   When it was woken and found the lock taken again, it goes back to the front of the queue.
//! - Readers are handed the lock, all that are in a row at the front.
//!
//! New readers queue up behind whoever is queued, so writers do not starve; a reader that is at the
//! front is next, so readers do not, either.
//!
//! Invariants:
//! 1. `QUEUED` and the links change under the queue's lock only, and agree when it is free. It is only
//!    set in a word that says the lock is held, or that somebody was woken; so whoever gives it back,
//!    or was woken, finds it.
//! 2. With the queue's lock and the word's `WRITER` (as its holder) nobody else moves the word.
//! 3. `WOKEN` has one owner, the writer that was woken with [`RETRY`]. It clears it when it takes the
//!    lock or goes back into the queue, and it does one of the two, whatever its limit says.
//! 4. Nobody sleeps while the lock is free: there is a holder, or an owner of `WOKEN` on its way.
//!
//! The models at the end run this code in all interleavings.

use super::limit::{Limit, gave_up};
use crate::clock;
use crate::park::queue::{WaitQueue, Waiter};
use crate::park::{self, Claim, Outcome, Task, Wait};
use crate::prim::atomic::{AtomicU32, Ordering::*};
use crate::prim::{Lock, LockGuard};
use std::fmt;

const WRITER: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;
const READER: u32 = 8;
const HELD: u32 = !(QUEUED | WOKEN);
/// More readers than this are not counted.
const MOST_READERS: u32 = u32::MAX / READER - 1;

/// Woken, to try again.
const RETRY: usize = 0;
/// Woken, with the lock.
const GRANTED: usize = 1;

/// After so many nanoseconds a waiter is handed the lock.
const PATIENCE: u64 = 1_000_000;

/// Rounds of looking at the word before a wait, each with twice as many pauses as the one before.
const SPINS: u32 = 6;

/// Readers that are woken at a time.
const HANDFUL: usize = 16;

#[derive(Clone, Copy)]
enum Request {
    Read,
    /// Since when.
    Write(u64),
}

type Queue = WaitQueue<Request>;

pub(crate) struct RawLock {
    word: AtomicU32,
    queue: Lock<Queue>,
}

/// The limit was reached before the lock was free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GaveUp;

impl RawLock {
    crate::prim::const_fn! {
        pub(crate) fn new() -> RawLock {
            RawLock { word: AtomicU32::new(0), queue: Lock::new(Queue::new()) }
        }
    }

    // --- one holder ---

    #[inline(always)]
    pub(crate) fn lock(&self) {
        if self.word.compare_exchange(0, WRITER, Acquire, Relaxed).is_err() {
            let _never_given_up = self.lock_slow(Limit::NEVER);
        }
    }

    /// As [`lock`](Self::lock), up to a limit, which is asked for only if it has to wait.
    #[inline]
    pub(crate) fn lock_limited<'a>(&self, limit: impl FnOnce() -> Limit<'a>) -> Result<(), GaveUp> {
        if self.try_lock() { Ok(()) } else { self.lock_slow(limit()) }
    }

    /// Takes the lock if it is free, whoever is waiting for it.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & HELD == 0 {
            match self.word.compare_exchange_weak(word, word | WRITER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// By its one holder.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        if self.word.compare_exchange(WRITER, 0, Release, Relaxed).is_err() {
            self.unlock_slow();
        }
    }

    // --- many holders ---

    #[inline(always)]
    pub(crate) fn read(&self) {
        if !self.try_read() {
            let _never_given_up = self.read_slow(Limit::NEVER);
        }
    }

    #[inline]
    pub(crate) fn read_limited<'a>(&self, limit: impl FnOnce() -> Limit<'a>) -> Result<(), GaveUp> {
        if self.try_read() { Ok(()) } else { self.read_slow(limit()) }
    }

    /// Takes the lock with others, unless a writer has it or anybody waits for it.
    #[inline(always)]
    pub(crate) fn try_read(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & (WRITER | QUEUED) == 0 {
            let to = Self::one_reader_more(word);
            match self.word.compare_exchange_weak(word, to, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline(always)]
    fn one_reader_more(word: u32) -> u32 {
        assert!(word / READER < MOST_READERS, "gort: too many readers of an RwLock");
        word + READER
    }

    /// By one of the readers.
    #[inline(always)]
    pub(crate) fn unread(&self) {
        let before = self.word.fetch_sub(READER, Release);
        if before / READER == 1 && before & (QUEUED | WOKEN) == QUEUED {
            self.last_reader_gone();
        }
    }

    /// The one holder becomes one of the readers.
    pub(crate) fn downgrade(&self) {
        self.word.fetch_add(READER - WRITER, Release);
        self.admit_readers();
    }

    // --- the slow ways in ---

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, limit: Limit<'_>) -> Result<(), GaveUp> {
        let mut since = None;
        let mut woken = 0;
        loop {
            if self.spin(woken) {
                return Ok(());
            }
            let since = if cfg!(loom) {
                u64::from(woken != 0)
            } else {
                *since.get_or_insert_with(clock::now)
            };
            match self.lock_parked(since, woken, limit) {
                Parked::Retry => woken = WOKEN,
                Parked::Locked => return Ok(()),
                Parked::GaveUp => return Err(GaveUp),
            }
        }
    }

    /// Tries for a moment, as most locks are held for a moment only. `woken` is `WOKEN` for the owner
    /// of that bit, else zero.
    #[inline]
    fn spin(&self, woken: u32) -> bool {
        let rounds = if cfg!(loom) { 1 } else { SPINS };
        for round in 0..rounds {
            let word = self.word.load(Relaxed);
            if word & HELD == 0 {
                let to = (word | WRITER) & !woken;
                if self.word.compare_exchange(word, to, Acquire, Relaxed).is_ok() {
                    return true;
                }
            } else {
                (0..1 << round).for_each(|_| std::hint::spin_loop());
            }
        }
        false
    }

    fn lock_parked(&self, since: u64, woken: u32, limit: Limit<'_>) -> Parked {
        park::with_task(|task| {
            let waiter = Waiter::new(Request::Write(since));
            {
                let mut queue = self.queue.lock();
                let mut word = self.word.load(Relaxed);
                loop {
                    let is_free = word & HELD == 0;
                    let to = (word | if is_free { WRITER } else { QUEUED }) & !woken;
                    match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                        Ok(_) if is_free => return Parked::Locked,
                        Ok(_) => break,
                        Err(now) => word = now,
                    }
                }
                waiter.set(task.arm(), RETRY, Request::Write(since));
                if woken == 0 {
                    // SAFETY: the waiter stays until it is off the queue: claimed, or given up below.
                    unsafe { queue.push(&waiter) };
                } else {
                    // SAFETY: as above.
                    unsafe { queue.push_front(&waiter) };
                }
            }
            self.wait(limit, task, &waiter)
        })
    }

    #[cold]
    #[inline(never)]
    fn read_slow(&self, limit: Limit<'_>) -> Result<(), GaveUp> {
        if self.spin_to_read() {
            return Ok(());
        }
        let parked = park::with_task(|task| {
            let waiter = Waiter::new(Request::Read);
            {
                let mut queue = self.queue.lock();
                let mut word = self.word.load(Relaxed);
                loop {
                    let may_enter = word & (WRITER | QUEUED) == 0;
                    let to = if may_enter { Self::one_reader_more(word) } else { word | QUEUED };
                    match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                        Ok(_) if may_enter => return Parked::Locked,
                        Ok(_) => break,
                        Err(now) => word = now,
                    }
                }
                waiter.set(task.arm(), GRANTED, Request::Read);
                // SAFETY: the waiter stays until it is off the queue: claimed, or given up below.
                unsafe { queue.push(&waiter) };
            }
            self.wait(limit, task, &waiter)
        });
        match parked {
            Parked::Locked => Ok(()),
            Parked::GaveUp => Err(GaveUp),
            Parked::Retry => unreachable!("readers are handed the lock"),
        }
    }

    #[inline]
    fn spin_to_read(&self) -> bool {
        let rounds = if cfg!(loom) { 0 } else { SPINS };
        for round in 0..rounds {
            if self.try_read() {
                return true;
            }
            (0..1 << round).for_each(|_| std::hint::spin_loop());
        }
        false
    }

    /// Blocks until the waiter, which is in the queue, was claimed or gives up.
    fn wait(&self, limit: Limit<'_>, task: &Task, waiter: &Waiter<Request>) -> Parked {
        let outcome = limit.block(task, Wait::Lock);
        if outcome == Outcome::SHUTDOWN || gave_up(outcome) {
            self.give_up(waiter);
            if outcome == Outcome::SHUTDOWN {
                park::unwind();
            }
            return Parked::GaveUp;
        }
        if outcome == Outcome::arm(GRANTED) { Parked::Locked } else { Parked::Retry }
    }

    /// Leaves the queue. Readers that have waited behind a writer may be next now.
    #[cold]
    fn give_up(&self, waiter: &Waiter<Request>) {
        let mut queue = self.queue.lock();
        // SAFETY: it was put on no other queue.
        unsafe { queue.unlink(waiter) };
        if queue.is_empty() {
            self.word.fetch_and(!QUEUED, Relaxed);
            return;
        }
        drop(queue);
        // As one of the readers, so that they stay meanwhile; if there are none, whoever holds the
        // lock or was woken for it sees to the queue.
        let mut word = self.word.load(Relaxed);
        while word & WRITER == 0 && word / READER > 0 {
            let to = Self::one_reader_more(word);
            match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                Ok(_) => {
                    self.admit_readers();
                    return self.unread();
                }
                Err(now) => word = now,
            }
        }
    }

    // --- the slow ways out ---

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) {
        let mut word = self.word.load(Relaxed);
        while word & (QUEUED | WOKEN) != QUEUED {
            match self.word.compare_exchange(word, word & !WRITER, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.hand_over(self.queue.lock());
    }

    /// The lock is free, unless somebody else has come, and somebody is queued.
    #[cold]
    #[inline(never)]
    fn last_reader_gone(&self) {
        let queue = self.queue.lock();
        let mut word = self.word.load(Relaxed);
        // If it is held, or somebody is on the way to it, the rest is for them to do.
        while word & (HELD | WOKEN) == 0 && word & QUEUED != 0 {
            match self.word.compare_exchange(word, word | WRITER, Acquire, Relaxed) {
                Ok(_) => return self.hand_over(queue),
                Err(now) => word = now,
            }
        }
    }

    /// By the one holder, while `WOKEN` is not set: gives the lock to whoever is first in the queue, or
    /// gives it back and wakes them.
    fn hand_over(&self, mut queue: LockGuard<'_, Queue>) {
        let mut granted = false;
        let first = queue.claim_first_if(|request| {
            granted = match request {
                Request::Read => true,
                Request::Write(since) => is_impatient(since),
            };
            Some(Outcome::arm(if granted { GRANTED } else { RETRY }))
        });
        let queued = if queue.is_empty() { 0 } else { QUEUED };
        let (claim, to) = match first {
            None => return self.word.store(0, Release), // by invariant 2
            Some((claim, Request::Write(_))) => (claim, if granted { WRITER } else { WOKEN }),
            // For the waiter, and for this function, which lets more of them in.
            Some((claim, Request::Read)) => (claim, 2 * READER),
        };
        self.word.store(to | queued, Release); // by invariant 2
        drop(queue);
        claim.wake();
        if to >= READER {
            if queued != 0 {
                self.admit_readers();
            }
            self.unread();
        }
    }

    /// By one of the readers: lets those in that are first in the queue.
    #[cold]
    fn admit_readers(&self) {
        loop {
            let mut claims = [const { None::<Claim> }; HANDFUL];
            let mut count = 0;
            {
                let mut queue = self.queue.lock();
                while count < HANDFUL
                    && let Some((claim, _)) = queue.claim_first_if(|request| match request {
                        Request::Read => Some(Outcome::arm(GRANTED)),
                        Request::Write(_) => None,
                    })
                {
                    claims[count] = Some(claim);
                    count += 1;
                }
                self.word.fetch_add(count as u32 * READER, Release);
                if queue.is_empty() {
                    self.word.fetch_and(!QUEUED, Relaxed);
                }
            }
            claims.into_iter().flatten().for_each(Claim::wake);
            if count < HANDFUL {
                return;
            }
        }
    }
}

/// How an attempt to take the lock by waiting has ended.
enum Parked {
    Locked,
    /// Woken, and owner of `WOKEN`.
    Retry,
    GaveUp,
}

fn is_impatient(since: u64) -> bool {
    // In a model there is no time: all that was woken once may be impatient.
    if cfg!(loom) { since > 0 } else { clock::now().saturating_sub(since) > PATIENCE }
}

impl fmt::Debug for RawLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Relaxed);
        f.debug_struct("RawLock")
            .field("locked", &(word & WRITER != 0))
            .field("readers", &(word / READER))
            .field("queued", &(word & QUEUED != 0))
            .finish()
    }
}
