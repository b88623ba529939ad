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
//! The ways through the queue are in [`slow`]. `lock_models` runs all of it in all interleavings.

mod slow;

use crate::clock;
use crate::park::queue::WaitQueue;
use crate::park::{GaveUp, Limit};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU32, Ordering::*};
use std::fmt;

const READER: u32 = 1;
const READERS: u32 = (1 << 27) - 1;
/// As many may have come by themselves, and have forgotten their guards. There is as much room again for those who are let in from
/// the queue, where each is a goroutine or a thread that lives: so the count never runs over.
const MOST_READERS: u32 = READERS / 2;
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
        while word < MOST_READERS {
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline(always)]
    fn one_reader_more(word: u32) -> u32 {
        assert!(word & READERS < MOST_READERS, "gort: too many readers of an RwLock");
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

    // --- patience ---

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
