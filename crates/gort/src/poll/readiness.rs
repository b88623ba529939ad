//! The readiness word: may a source be read (or written) without waiting, and who waits until it may?
//!
//! The poller is edge-triggered: it tells of a change once. So what it has told is kept here, until somebody
//! finds out by trying that it is not true any more.
//!
//! | state | meaning | who moves it on |
//! |---|---|---|
//! | `OPEN` | nobody waits: try, and wait if there is nothing | who waits → `AWAITED` |
//! | `AWAITED` | there was nothing, no event has come since, and the queue may have somebody in it | an event, a close or a new deadline, or who leaves the queue as the last → `OPEN` |
//!
//! Beside the state the word holds
//! - the *tick*, a count of events. Who has found nothing waits only if the tick is still what it was *before* the attempt:
//!   an event that has come in between is not lost;
//! - the *generation*: which of the sources that have used this record it is about. An event carries the one that it
//!   was registered with, so one that is late, for a descriptor that has been closed meanwhile, changes nothing;
//! - `CLOSED`: the source has been closed, so nobody waits any more;
//! - `UNSURE`: there may be more than a short read shows (see [`drained`](Readiness::drained));
//! - `SHUT`: this side has shut the direction down, so an attempt does not wait, whatever there is.
//!
//! Invariants:
//! 1. Who waits has set `AWAITED`, or found it, with the queue's lock held, and the tick was then the one that it
//!    had seen before its last attempt. So an event (or a close, or a new deadline) that comes after that attempt
//!    either changes the tick first, and the waiter does not queue up, or finds it in the queue.
//! 2. Who changes the word from `AWAITED` by an event takes the lock afterwards and wakes all in the queue: each of them
//!    looks again, and one for whom nothing is left waits again.
//!
//! All are woken rather than one: an edge may stand for several connections to be accepted, and who is woken
//! may go away without trying. As a rule one goroutine reads from a socket and one writes to it.

use crate::clock::Deadline;
use crate::park::queue::WaitQueue;
use crate::park::{self, GaveUp, Limit, Outcome, Wait, queue_up_and};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU64, Ordering::*};

const OPEN: u64 = 0;
const AWAITED: u64 = 1;
const UNSURE: u64 = 1 << 2;
const CLOSED: u64 = 1 << 3;
const SHUT: u64 = 1 << 4;
const TICK: u64 = 1 << 8;
const TICK_BITS: u64 = 0xffff_ffff << 8;
const GENERATION: u64 = 1 << 40;
/// Generations that there are; those of a record come round after so many sources.
pub(crate) const GENERATIONS: u64 = 1 << 24;

/// One direction of a source.
pub(crate) struct Readiness {
    word: AtomicU64,
    /// What the word was when an attempt last showed that there is no more.
    drained: AtomicU64,
    /// Up to when somebody may wait, as the clock counts.
    deadline: AtomicU64,
    waiters: Lock<WaitQueue<()>>,
}

/// What the word was when it was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// May an attempt show what nothing has been told of: an end, an error, urgent data?
    #[inline(always)]
    pub(crate) fn is_unsure(self) -> bool {
        self.0 & UNSURE != 0
    }

    /// Has this side shut the direction down?
    #[allow(dead_code, reason = "on Windows nobody asks")]
    pub(crate) fn is_shut(self) -> bool {
        self.0 & SHUT != 0
    }

    /// Has nothing been told since this was seen?
    fn is_still(self, word: u64) -> bool {
        (self.0 ^ word) & (TICK_BITS | CLOSED) == 0
    }
}

impl Readiness {
    /// Of generation 0, open.
    pub(crate) fn new() -> Readiness {
        Readiness {
            word: AtomicU64::new(OPEN),
            // No word is so.
            drained: AtomicU64::new(u64::MAX),
            deadline: AtomicU64::new(Deadline::NEVER.nanos()),
            waiters: Lock::new(WaitQueue::new()),
        }
    }

    /// An event is about to come: has fetched who will be woken.
    #[inline(always)]
    pub(crate) fn prefetch_waiter(&self) {
        // SAFETY: the queue is there as long as this.
        unsafe { WaitQueue::prefetch_first(self.waiters.address()) };
    }

    /// To be looked at before an attempt.
    #[inline(always)]
    pub(crate) fn look(&self) -> Seen {
        Seen(self.word.load(Acquire))
    }

    /// Is it worth an attempt?
    #[inline(always)]
    pub(crate) fn may_try(&self, seen: Seen) -> bool {
        seen.0 & AWAITED == 0 && seen.0 != self.drained.load(Relaxed)
    }

    /// An attempt has found less than it could have taken. With a stream that means that there is no more, which
    /// saves the next attempt; unless the other side has closed (there is an end to be read), there is an error, or
    /// urgent data (reads stop short of them).
    #[inline(always)]
    pub(crate) fn drained(&self, seen: Seen) {
        if !seen.is_unsure() {
            // If an event has come since, the word is another.
            self.drained.store(seen.0, Relaxed);
        }
    }

    /// The poller tells of a change, of the source of that generation. `unsure`: short reads prove nothing from now on.
    pub(crate) fn event(&self, generation: u64, unsure: bool) {
        self.mark(generation, if unsure { UNSURE } else { 0 });
    }

    /// As an [event](Self::event) that the poller need not tell of, as it is this side's doing: the direction has been shut down. The
    /// source is there.
    pub(crate) fn shut(&self) {
        self.mark(self.generation(), UNSURE | SHUT);
    }

    /// A change, of the source of that generation.
    fn mark(&self, generation: u64, marks: u64) {
        let of_its_generation = |word| word / GENERATION == generation;
        let before = self.change(|word| of_its_generation(word).then_some(word & !AWAITED | marks));
        self.wake_those_of(before);
    }

    /// Whoever waits is to look again, as its deadline has changed.
    pub(crate) fn rouse(&self) {
        let open = |word| word & !AWAITED;
        let before = self.change(|word| Some(open(word)));
        if let Some(before) = before
            && (before & AWAITED != 0 || before == self.drained.load(Relaxed))
        {
            // There was nothing, and that is still so unless an event has come since: then the word is another.
            self.drained.store(with_next_tick(open(before)), Relaxed);
        }
        self.wake_those_of(before);
    }

    /// Nobody is to wait any more.
    pub(crate) fn close(&self) {
        let before = self.change(|word| Some(word & !AWAITED | CLOSED));
        self.wake_those_of(before);
    }

    /// Changes the word, with a new tick; returns what it was.
    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        self.word.fetch_update(AcqRel, Acquire, |word| to(word).map(with_next_tick)).ok()
    }

    /// Wakes who was waiting before the word was changed.
    #[inline]
    fn wake_those_of(&self, before: Option<u64>) {
        if before.is_some_and(|before| before & AWAITED != 0) {
            let _inside = park::inside();
            let claims = self.waiters.lock().claim_all(Outcome::arm(0));
            claims.wake();
        }
    }

    /// Waits until there is news since `seen`, or up to the limit. After an attempt that has found nothing, or
    /// without one if it was not [worth](Self::may_try) it.
    pub(crate) fn wait(&self, seen: Seen, limit: Limit<'_>, why: Wait) -> Result<(), GaveUp> {
        // Who polls waits for the lock.
        let inside = park::inside();
        let waiters = self.waiters.lock();
        let mut word = self.word.load(Acquire);
        loop {
            if !seen.is_still(word) {
                return Ok(());
            }
            if word & AWAITED != 0 {
                break;
            }
            match self.word.compare_exchange_weak(word, word | AWAITED, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        queue_up_and(
            waiters,
            |waiters| waiters,
            (),
            || drop(inside),
            limit,
            why,
            |waiters| {
                if waiters.is_empty() {
                    self.word.fetch_and(!AWAITED, AcqRel);
                }
                false
            },
        )
    }

    /// Up to when somebody may wait. To be read after [`look`](Self::look): then a change that is missed is news.
    #[inline(always)]
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::from_nanos(self.deadline.load(Relaxed))
    }

    /// Sets it, also for those who wait already.
    pub(crate) fn set_deadline(&self, deadline: Deadline) {
        self.deadline.store(deadline.nanos(), Relaxed);
        self.rouse();
    }

    /// Makes it that of the next source. Nobody waits, as the one before is gone.
    pub(crate) fn renew(&self) {
        let generation = (self.generation() + 1) % GENERATIONS;
        self.deadline.store(Deadline::NEVER.nanos(), Relaxed);
        // An event of the generation before may come at the same time. It changes the word before this, or not at all;
        // a plain store could go by it.
        self.word.swap((generation * GENERATION) | OPEN, AcqRel);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.word.load(Relaxed) / GENERATION
    }
}

fn with_next_tick(word: u64) -> u64 {
    word & !TICK_BITS | word.wrapping_add(TICK) & TICK_BITS
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with a `wait` that does not compare the tick; with one that sets `AWAITED` before it has the lock; with
/// an event that does not compare the generation; with a `rouse` that leaves the tick as it is; with a `drained` that
/// keeps what the word has become instead of what was seen.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::atomic::AtomicU32;
    use crate::prim::{Arc, model, thread};
    use std::time::Duration;

    /// A socket: so many bytes in the kernel's buffer.
    struct Socket {
        bytes: AtomicU32,
        read: Readiness,
    }

    fn socket() -> Arc<Socket> {
        Arc::new(Socket { bytes: AtomicU32::new(0), read: Readiness::new() })
    }

    #[derive(PartialEq, Debug)]
    enum Read {
        Byte,
        Closed,
        TimedOut,
    }

    impl Socket {
        /// The kernel and the poller: a byte, and an event.
        fn arrive(&self) {
            self.bytes.fetch_add(1, AcqRel);
            self.read.event(0, false);
        }

        /// Takes a byte; how many there were.
        fn try_read(&self) -> Option<u32> {
            self.bytes.fetch_update(AcqRel, Acquire, |bytes| bytes.checked_sub(1)).ok()
        }

        /// As `Source` does it.
        fn read(&self) -> Read {
            loop {
                let seen = self.read.look();
                if seen.is_closed() {
                    return Read::Closed;
                }
                let deadline = self.read.deadline();
                if deadline == PASSED {
                    return Read::TimedOut;
                }
                if self.read.may_try(seen)
                    && let Some(bytes) = self.try_read()
                {
                    if bytes == 1 {
                        // As one with room for more in its buffer could tell.
                        self.read.drained(seen);
                    }
                    return Read::Byte;
                }
                if self.read.wait(seen, Limit::Deadline(deadline), Wait::Nothing).is_err() {
                    return Read::TimedOut;
                }
            }
        }
    }

    const PASSED: Deadline = Deadline::from_nanos(0);

    fn reader(socket: &Arc<Socket>) -> thread::JoinHandle<Read> {
        let socket = socket.clone();
        thread::spawn(move || socket.read())
    }

    #[test]
    fn no_event_is_lost() {
        model(|| {
            let socket = socket();
            let reader = reader(&socket);
            socket.arrive();
            assert_eq!(reader.join().unwrap(), Read::Byte);
        });
    }

    /// The second byte arrives while the first is read, so that the reader, who takes both for one event, comes back.
    #[test]
    fn two_bytes_for_one_reader() {
        model(|| {
            let socket = socket();
            let reader = {
                let socket = socket.clone();
                thread::spawn(move || [socket.read(), socket.read()])
            };
            socket.arrive();
            socket.arrive();
            assert_eq!(reader.join().unwrap(), [Read::Byte, Read::Byte]);
        });
    }

    #[test]
    fn two_readers() {
        model(|| {
            let socket = socket();
            let readers = [reader(&socket), reader(&socket)];
            socket.bytes.fetch_add(2, AcqRel);
            socket.read.event(0, false);
            readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap(), Read::Byte));
        });
    }

    #[test]
    fn closing_wakes() {
        model(|| {
            let socket = socket();
            let reader = reader(&socket);
            socket.read.close();
            assert_eq!(reader.join().unwrap(), Read::Closed);
        });
    }

    #[test]
    fn a_deadline_that_comes_later_wakes() {
        model(|| {
            let socket = socket();
            let reader = reader(&socket);
            socket.read.set_deadline(PASSED);
            assert_eq!(reader.join().unwrap(), Read::TimedOut);
        });
    }

    /// Who gives up leaves nothing behind that keeps another from being woken.
    #[test]
    fn one_gives_up_while_a_byte_arrives() {
        model(|| {
            let socket = socket();
            let hasty = {
                let socket = socket.clone();
                thread::spawn(move || {
                    let seen = socket.read.look();
                    if socket.bytes.load(Acquire) == 0 {
                        let soon = Limit::after(Duration::from_secs(3600));
                        let _gave_up = socket.read.wait(seen, soon, Wait::Nothing);
                    }
                })
            };
            let reader = reader(&socket);
            socket.arrive();
            hasty.join().unwrap();
            assert_eq!(reader.join().unwrap(), Read::Byte);
        });
    }

    /// An event of the source before, told while the record goes to the next, is none of the next one's.
    #[test]
    fn an_event_for_the_one_before() {
        model(|| {
            let read = Arc::new(Readiness::new());
            let poller = {
                let read = read.clone();
                thread::spawn(move || read.event(0, true))
            };
            read.renew();
            let seen = read.look();
            poller.join().unwrap();
            assert_eq!(read.look().0, seen.0);
        });
    }
}
