//! A runtime's view of the kernel's poller, through mio: beside `sys` the only file that names it.
//!
//! **The turn.** One thread at a time polls: who has the [`Turn`] ([`Right`]). It may sleep in the kernel with it, until there
//! is an event, a time has come, or somebody [wakes](Driver::wake) it, which takes one system call. Others do not wait
//! for the turn: whoever has it looks after the events, and either sleeps in the poller or is awake and comes by
//! before it goes to sleep.
//!
//! mio waits for whole milliseconds, as `epoll_wait` does, which is not enough for timers. So a time that is near is
//! waited for by a timer that is itself polled ([`sys::WakeTimer`]); a time that is far away first without.

use super::turn::Right;
use super::{Direction, Directions, Record};
use crate::prim::atomic::{AtomicBool, AtomicU64, Ordering::*};
use crate::sys::{self, Descriptor, Origin, Polled};
use crate::tell::abort;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::time::Duration;

/// Events taken from the kernel at a time: as many as a processor's ring has room for when its machine polls. (The older half
/// of a ring that is full goes to the global queue, behind all others.)
const EVENTS: usize = 192;
/// Who waits to read is fetched while so many others are told of their events, and the record, which says who that is,
/// while as many more are. With a thousand connections the former brings 4 % more answers (`harness -- table -j tcp1000`),
/// and no more if it is earlier.
const AHEAD: usize = 4;
const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// A time that is nearer is waited for to the nanosecond.
const NEAR: Duration = Duration::from_millis(10);

pub(crate) struct Driver {
    origin: Origin,
    registry: Registry,
    waker: Waker,
    right: Right,
    polling: UnsafeCell<Polling>,
    /// How often it has been polled; somebody is at it, or was.
    polls: AtomicU64,
    /// How many events were told; changed by who has the turn.
    events: AtomicU64,
    /// The runtime has ended: nobody polls any more.
    closed: AtomicBool,
}

/// What belongs to who has the turn.
struct Polling {
    poll: Poll,
    events: Events,
    timer: Option<sys::WakeTimer>,
}

// SAFETY: `polling` is touched by who has the turn, of which `right` makes one at a time; the rest is shareable.
unsafe impl Sync for Driver {}

/// The right to poll.
pub(crate) struct Turn<'a> {
    driver: &'a Driver,
}

impl Driver {
    /// # Errors
    /// If there are no descriptors left, most often.
    pub(crate) fn new() -> io::Result<Driver> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKER)?;
        let timer = sys::WakeTimer::new()?;
        if let Some(timer) = &timer {
            let mut polled = Polled::new(timer.descriptor());
            registry.register(&mut polled, TIMER, Interest::READABLE)?;
        }
        Ok(Driver {
            origin: Origin::here(),
            registry,
            waker,
            right: Right::new(),
            polling: UnsafeCell::new(Polling {
                poll,
                events: Events::with_capacity(EVENTS),
                timer,
            }),
            polls: AtomicU64::new(0),
            events: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Has the events of a descriptor, of these directions, told to `record` from now on.
    ///
    /// # Errors
    /// The system's: it cannot be polled, as regular files cannot; or too many are.
    pub(crate) fn register(
        &self,
        descriptor: Descriptor,
        record: &Record,
        directions: Directions,
    ) -> io::Result<Polled> {
        let mut polled = Polled::new(descriptor);
        let interest = interest(directions);
        self.registry.register(&mut polled, Token(record.token()), interest).map_err(refused)?;
        Ok(polled)
    }

    /// The same, of one that is registered.
    pub(crate) fn reregister(
        &self,
        polled: &mut Polled,
        record: &Record,
        directions: Directions,
    ) -> io::Result<()> {
        self.registry.reregister(polled, Token(record.token()), interest(directions))
    }

    /// The opposite; to be called before the descriptor is closed, as a copy of it would keep the events coming.
    pub(crate) fn deregister(&self, mut polled: Polled) {
        // The descriptors and the poller of one that this was forked off are that one's, too, who goes on.
        if !self.is_here() {
            return;
        }
        // It fails if the descriptor is not open any more, as it is registered then.
        let _not_registered = self.registry.deregister(&mut polled);
    }

    /// Gets who polls, or polls next, out of it.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            abort(format_args!("aborting, as whoever waits for sockets cannot be woken: {error}"));
        }
    }

    /// The turn, if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        self.right.try_take().then(|| Turn { driver: self })
    }

    /// Has nobody the turn?
    pub(crate) fn is_free(&self) -> bool {
        self.right.is_free()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Relaxed)
    }

    pub(crate) fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// Is it this process's, and not the one's that this was forked off?
    pub(crate) fn is_here(&self) -> bool {
        self.origin.is_here()
    }

    /// Nobody polls any more: those who wait are to register elsewhere.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        Record::all().for_each(|record| record.leave(self));
    }
}

/// What is short is not the disk's.
fn refused(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::StorageFull {
        return error;
    }
    let message = "too many descriptors are polled: the system's limit of them is reached \
                   (fs.epoll.max_user_watches)";
    io::Error::new(io::ErrorKind::QuotaExceeded, message)
}

fn interest(directions: Directions) -> Interest {
    match (directions.has(Direction::Read), directions.has(Direction::Write)) {
        (true, true) => sys::READING | Interest::WRITABLE,
        (true, false) => sys::READING,
        _ => Interest::WRITABLE,
    }
}

impl Turn<'_> {
    fn polling(&mut self) -> &mut Polling {
        // SAFETY: who has the turn is alone with it.
        unsafe { &mut *self.driver.polling.get() }
    }

    /// Polls, and waits for at most `timeout` if there is no event; may end early. False: there is none.
    pub(crate) fn poll(&mut self, timeout: Option<Duration>) -> bool {
        self.driver.polls.fetch_add(1, Relaxed);
        let Polling { poll, events, timer } = self.polling();
        let timeout = match (timeout, timer) {
            (Some(timeout), Some(timer)) if timeout > Duration::ZERO && timeout < NEAR => {
                // What the timer refuses is waited for in whole milliseconds.
                timer.set(timeout).err().map(|_refused| timeout)
            }
            // The last part is waited for in another turn.
            (Some(timeout), Some(_)) => Some(Duration::from_millis(timeout.as_millis() as u64)),
            (timeout, _) => timeout,
        };
        match poll.poll(events, timeout) {
            Ok(()) => events.iter().any(|event| event.token() < TIMER),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
            Err(error) => {
                abort(format_args!("aborting, as waiting for sockets has failed: {error}"))
            }
        }
    }

    /// Tells those who wait of the events, and calls `told` after each.
    pub(crate) fn dispatch(mut self, mut told: impl FnMut()) {
        let driver = self.driver;
        let events = &self.polling().events;
        let mut count = driver.events();
        let coming =
            |ahead| events.iter().skip(ahead).map(|event| Record::of_token(event.token().0));
        let (mut next, mut after) = (coming(AHEAD), coming(2 * AHEAD));
        for event in events {
            count += 1;
            if let Some(Some((record, _))) = after.next() {
                record.prefetch();
            }
            if let Some(Some((record, _))) = next.next() {
                record.prefetch_reader();
            }
            let Some((record, generation)) = Record::of_token(event.token().0) else { continue };
            // Each direction of what concerns it: a peer that sends no more may still be written to.
            let reading_is_over = event.is_error() || event.is_read_closed();
            if event.is_readable() || reading_is_over {
                let unsure = reading_is_over || event.is_priority();
                record.tell(Direction::Read, generation, unsure);
            }
            let writing_is_over = event.is_error() || event.is_write_closed();
            if event.is_writable() || writing_is_over {
                record.tell(Direction::Write, generation, writing_is_over);
            }
            told();
        }
        driver.events.store(count, Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.driver.right.give_back();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("polls", &self.polls()).finish_non_exhaustive()
    }
}
