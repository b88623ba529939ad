//! The slow ways in, through the queue, and out: when the word alone does not do. Its states and the invariants are told in
//! [`raw_lock`](super).

use super::*;
use crate::park::queue::{Claims, Waiter};
use crate::park::{self, Outcome, Task, Wait, gave_up};
use crate::prim::LockGuard;

/// Rounds of looking at the word before a wait, each with twice as many pauses as the one before. (Measured
/// with 16 goroutines that do nothing else on two processors: 8 ns an operation with 2 to 4 rounds, 13
/// with 8, as every look takes the cache line away from whoever holds the lock.)
const SPINS: u32 = 4;

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

impl RawLock {
    // --- the slow ways in ---

    #[cold]
    #[inline(never)]
    pub(super) fn lock_slow(&self, limit: Limit<'_>) -> Result<(), GaveUp> {
        // Who gives a busy lock back and takes it again gives room for those, too, who can only run where it runs.
        park::checkpoint();
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
        park::with_room(|task, place| {
            let waiter = {
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
                let request = Request::Write(since);
                let waiter = Waiter::armed_in(place, task.arm(), RETRY, request);
                if woken == 0 {
                    // SAFETY: the waiter stays until it is off the queue: claimed, or given up below.
                    unsafe { queue.push(waiter) };
                } else {
                    // SAFETY: as above.
                    unsafe { queue.push_front(waiter) };
                }
                waiter
            };
            self.wait(limit, task, waiter)
        })
    }

    #[cold]
    #[inline(never)]
    pub(super) fn read_slow(&self, limit: Limit<'_>) -> Result<(), GaveUp> {
        park::checkpoint();
        let rounds = if cfg!(loom) { 0 } else { SPINS };
        for round in 0..rounds {
            if self.try_read_first() {
                return Ok(());
            }
            (0..1 << round).for_each(|_| std::hint::spin_loop());
        }
        let parked = park::with_room(|task, place| {
            let waiter = {
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
                let waiter = Waiter::armed_in(place, task.arm(), GRANTED, Request::Read);
                // SAFETY: the waiter stays until it is off the queue: claimed, or given up below.
                unsafe { queue.push(waiter) };
                waiter
            };
            self.wait(limit, task, waiter)
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
    pub(super) fn unlock_slow(&self) {
        if self.word.load(Relaxed) & (QUEUED | WOKEN) == QUEUED {
            self.pass_on();
        }
    }

    /// The lock was given back while somebody was queued and nobody was on the way to it.
    #[cold]
    #[inline(never)]
    pub(super) fn pass_on(&self) {
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
    pub(super) fn admit_readers(&self) {
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
