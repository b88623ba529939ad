//! The lock under `Mutex` and `RwLock`: one word, and a queue of those who wait for it.
//!
//! | bits of the word | meaning |
//! |---|---|
//! | `WRITER` | somebody holds it alone |
//! | `QUEUED` | the queue is not empty |
//! | `WOKEN` | a writer was woken to try again, and has not done so yet |
//! | `RESERVED` | who is first in the queue is next, and has waited too long to be overtaken |
//! | `READERS` | how many hold it as readers; the low bits, so one comparison tells if one more may come |
//!
//! Taking a free lock and giving it back are one atomic instruction each. Whoever gives it back while
//! others are queued sees to the next one:
//!
//! - A writer that has come lately is only *woken*, and tries again; meanwhile the lock is free for
//!   whoever comes by. A goroutine that is woken takes its time to run, and the one that gives the lock
//!   back often wants it again at once; so a busy lock stays with a running goroutine for a while,
//!   and is not passed on with a switch at every turn (5 ns an operation against 60). While `WOKEN` is
//!   set, no other is woken.
//! - A writer that has waited for longer than [`PATIENCE`] is *handed* the lock. If somebody came in
//!   between all the same, the lock is `RESERVED` for it. When it was woken and found the lock taken again,
//!   it goes back to the front of the queue.
//! - Readers are handed the lock, all that are in a row at the front.
//!
//! While readers have the lock, others join them before a writer that waits, until it has waited for too
//! long: then the one that finds that reserves the lock for it. (If readers queue up behind a writer at
//! once, all end up in the queue at every turn, and each read costs two switches: 80 ns against 20.) So
//! writers do not starve; a reader in the queue is handed the lock by the next writer that gives it back,
//! so readers do not, either.
//!
//! Invariants:
//! 1. `QUEUED`, `RESERVED` and the links change under the queue's lock only. When that is free, `QUEUED`
//!    says whether there are links, and `RESERVED` implies it. `QUEUED` is only set in a word that says
//!    the lock is held or `WOKEN`; so whoever gives it back, or was woken, finds it.
//! 2. With the queue's lock, and the word's `WRITER` as its holder, nobody else moves the word.
//! 3. `WOKEN` has one owner, the writer that was woken with [`RETRY`]. It clears it when it takes the
//!    lock or goes back into the queue, and it does one of the two, whatever its limit says.
//! 4. Nobody sleeps while the lock is free: there is an owner of `WOKEN` on its way, or the one who has
//!    given it back last is, to the queue (`pass_on`).
//! 5. `RESERVED` is set only while somebody holds the lock, and never together with `WOKEN`: so it ends
//!    with `pass_on`, and does not keep out who was woken.
//!
//! Rejected: a reader that adds itself without a look at the word before (Go's), and takes itself off again if it ought to
//! have waited; or one that compares with zero first. Both save the wait for the look, which comes after the atomic instruction
//! before it: one reader alone takes 16 ns instead of 17.5. But eight that read and sometimes write, on two processors
//! (`peer-gort rwlock w=2`), take 33 to 60 ns instead of 20 to 29. With the look who has the cache line keeps it for a burst of
//! operations; without it each takes it away from the other at every one.
//!
//! `lock_models` runs this code in all interleavings.

use crate::clock;
use crate::park::queue::{Claims, WaitQueue, Waiter};
use crate::park::{self, GaveUp, Limit, Outcome, Task, Wait, gave_up};
use crate::prim::atomic::{AtomicU32, Ordering::*};
use crate::prim::{Lock, LockGuard};
use std::fmt;

const READER: u32 = 1;
const READERS: u32 = (1 << 27) - 1;
const WRITER: u32 = 1 << 31;
const QUEUED: u32 = 1 << 30;
const WOKEN: u32 = 1 << 29;
const RESERVED: u32 = 1 << 28;
/// None of these: nobody holds it.
const HELD: u32 = WRITER | READERS;
/// None of these: it is free for whoever comes by.
const TAKEN: u32 = HELD | RESERVED;

/// Woken, to try again.
const RETRY: usize = 0;
/// Woken, with the lock.
const GRANTED: usize = 1;

/// After so many nanoseconds a waiter is handed the lock.
const PATIENCE: u64 = 1_000_000;

/// Rounds of looking at the word before a wait, each with twice as many pauses as the one before. (Measured
/// with 16 goroutines that do nothing else on two processors: 8 ns an operation with 2 to 4 rounds, 13
/// with 8, as every look takes the cache line away from whoever holds the lock.)
const SPINS: u32 = 4;

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
    /// In a model there are no clocks: a thread says when all who wait have waited for too long.
    #[cfg(loom)]
    late: crate::prim::atomic::AtomicBool,
}

impl RawLock {
    crate::prim::const_fn! {
        pub(crate) fn new() -> RawLock {
            RawLock {
                word: AtomicU32::new(0),
                queue: Lock::new(Queue::new()),
                #[cfg(loom)]
                late: Default::default(),
            }
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
        while word & TAKEN == 0 {
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
        if self.word.fetch_sub(WRITER, Release) != WRITER {
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
        while word < READERS {
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline(always)]
    fn one_reader_more(word: u32) -> u32 {
        assert!(word & READERS != READERS, "gort: too many readers of an RwLock");
        word + READER
    }

    /// By one of the readers.
    #[inline(always)]
    pub(crate) fn unread(&self) {
        let now = self.word.fetch_sub(READER, Release) - READER;
        if now & (READERS | QUEUED | WOKEN) == QUEUED {
            self.pass_on();
        }
    }

    /// The one holder becomes one of the readers.
    pub(crate) fn downgrade(&self) {
        self.word.fetch_add(READER.wrapping_sub(WRITER), Release);
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
            let since = *since.get_or_insert_with(clock::now);
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
            if word & TAKEN == 0 {
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
                // Who was woken in vain and has waited for long is next.
                let wish = if woken != 0 && self.is_impatient(Request::Write(since)) {
                    QUEUED | RESERVED
                } else {
                    QUEUED
                };
                loop {
                    let is_free = word & TAKEN == 0;
                    let to = (word | if is_free { WRITER } else { wish }) & !woken;
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
        let rounds = if cfg!(loom) { 0 } else { SPINS };
        for round in 0..rounds {
            if self.try_read_first() {
                return Ok(());
            }
            (0..1 << round).for_each(|_| std::hint::spin_loop());
        }
        let parked = park::with_task(|task| {
            let waiter = Waiter::new(Request::Read);
            {
                let mut queue = self.queue.lock();
                let mut word = self.word.load(Relaxed);
                loop {
                    let step = self.reader_step(word, &queue);
                    let to = match step {
                        Step::Enter => Self::one_reader_more(word),
                        Step::Wait => word | QUEUED,
                        Step::Reserve => word | QUEUED | RESERVED,
                    };
                    match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                        Ok(_) if step == Step::Enter => return Parked::Locked,
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

    /// As [`try_read`](Self::try_read), also before writers that have not waited for long.
    fn try_read_first(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & (WRITER | RESERVED) == 0 {
            if word & (QUEUED | WOKEN) == QUEUED
                && self.reader_step(word, &self.queue.lock()) != Step::Enter
            {
                return false;
            }
            let to = Self::one_reader_more(word);
            match self.word.compare_exchange_weak(word, to, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// What a reader is to do that finds `word`.
    fn reader_step(&self, word: u32, queue: &Queue) -> Step {
        if word & (WRITER | RESERVED) != 0 {
            Step::Wait
        } else if word & (QUEUED | WOKEN) != QUEUED
            || !queue.first().is_some_and(|first| self.is_impatient(first))
        {
            Step::Enter
        } else if word & HELD != 0 {
            Step::Reserve
        } else {
            Step::Wait // who has given it back is on the way to the queue
        }
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
            self.word.fetch_and(!(QUEUED | RESERVED), Relaxed);
            return;
        }
        drop(queue);
        // As one of the readers, so that they stay meanwhile; if there are none, whoever holds the
        // lock or was woken for it sees to the queue.
        let mut word = self.word.load(Relaxed);
        while word & WRITER == 0 && word & READERS > 0 {
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
        if self.word.load(Relaxed) & (QUEUED | WOKEN) == QUEUED {
            self.pass_on();
        }
    }

    /// The lock was given back while somebody was queued and nobody was on the way to it.
    #[cold]
    #[inline(never)]
    fn pass_on(&self) {
        let queue = self.queue.lock();
        let mut word = self.word.load(Relaxed);
        // Else others have done, or have still to do, what there is to do.
        while word & (QUEUED | WOKEN) == QUEUED {
            if word & HELD == 0 {
                let to = (word | WRITER) & !RESERVED;
                match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                    Ok(_) => return self.hand_over(queue),
                    Err(now) => word = now,
                }
            } else if word & RESERVED == 0
                && queue.first().is_some_and(|first| self.is_impatient(first))
            {
                // Somebody came in between, and will find this when they give it back.
                match self.word.compare_exchange(word, word | RESERVED, Relaxed, Relaxed) {
                    Ok(_) => return,
                    Err(now) => word = now,
                }
            } else {
                return;
            }
        }
    }

    /// Is it to be handed the lock?
    fn is_impatient(&self, request: Request) -> bool {
        match request {
            Request::Read => true,
            #[cfg(not(loom))]
            Request::Write(since) => clock::now().saturating_sub(since) > PATIENCE,
            #[cfg(loom)]
            Request::Write(_) => self.late.load(Relaxed),
        }
    }

    #[cfg(loom)]
    pub(super) fn pass_time(&self) {
        self.late.store(true, Relaxed);
    }

    /// By the one holder, while `WOKEN` is not set: gives the lock to whoever is first in the queue, or
    /// gives it back and wakes them.
    fn hand_over(&self, mut queue: LockGuard<'_, Queue>) {
        let mut granted = false;
        let first = queue.claim_first_if(|request| {
            granted = self.is_impatient(request);
            Some(Outcome::arm(if granted { GRANTED } else { RETRY }))
        });
        let queued = if queue.is_empty() { 0 } else { QUEUED };
        let (claim, to) = match first {
            None => return self.word.store(0, Release), // by invariant 2
            Some((claim, Request::Write(_))) => (claim, if granted { WRITER } else { WOKEN }),
            // For the waiter, and for this function, which lets more of them in.
            Some((claim, Request::Read)) => (claim, 2 * READER),
        };
        let is_read = to & READERS != 0;
        self.word.store(to | queued, Release); // by invariant 2
        drop(queue);
        claim.wake();
        if is_read {
            if queued != 0 {
                self.admit_readers();
            }
            self.unread();
        }
    }

    /// By one of the readers: lets those in that are first in the queue.
    #[cold]
    fn admit_readers(&self) {
        let mut claims = Claims::new();
        {
            let mut queue = self.queue.lock();
            while let Some(Request::Read) = queue.first() {
                queue.claim_head(Outcome::arm(GRANTED), &mut claims);
            }
            self.word.fetch_add(claims.len() as u32 * READER, Release);
            if queue.is_empty() {
                self.word.fetch_and(!(QUEUED | RESERVED), Relaxed);
            }
        }
        claims.wake();
    }
}

/// What a reader is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Enter,
    Wait,
    /// To wait, so that those who read do not keep out who is first in the queue any longer.
    Reserve,
}

/// How an attempt to take the lock by waiting has ended.
enum Parked {
    Locked,
    /// Woken, and owner of `WOKEN`.
    Retry,
    GaveUp,
}

impl fmt::Debug for RawLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Relaxed);
        f.debug_struct("RawLock")
            .field("locked", &(word & WRITER != 0))
            .field("readers", &(word & READERS))
            .field("queued", &(word & QUEUED != 0))
            .finish()
    }
}
