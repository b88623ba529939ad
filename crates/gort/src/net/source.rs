//! A descriptor that goroutines wait for: try, wait for the poller, try again.
//!
//! It is registered for a direction when somebody first has to wait, with that goroutine's runtime (on a plain thread,
//! the process's); and anew with another if that one has ended.

use super::closed;
use crate::clock::Deadline;
use crate::park::{self, Limit, Wait};
use crate::poll::readiness::{Readiness, Seen};
use crate::poll::{Direction, Record};
use crate::runtime;
use crate::sys::{self, Descriptor, Origin, OwnsDescriptor};
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

/// No time-out.
const NEVER: u64 = u64::MAX;

/// `S` is what owns the descriptor, which does not block.
pub(crate) struct Source<S> {
    /// First, so that it ends before the descriptor is closed.
    registration: Registration,
    /// For how long an operation may wait, in nanoseconds.
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    pub(super) io: S,
}

/// A record, and what is registered with it.
struct Registration {
    record: &'static Record,
    descriptor: Descriptor,
    /// Where it was made: what it is to a poller is another's elsewhere.
    origin: Origin,
}

impl Registration {
    /// Registers the descriptor, if it is not, with a runtime that polls.
    #[inline]
    fn ensure(&self, direction: Direction) -> io::Result<()> {
        match self.record.is_polled(direction) && self.origin.is_here() {
            true => Ok(()),
            false => self.make(direction),
        }
    }

    #[cold]
    fn make(&self, direction: Direction) -> io::Result<()> {
        self.record.register(self.descriptor, direction, runtime::driver()?)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.record.deregister();
        self.record.give_back();
    }
}

impl<S: OwnsDescriptor> Source<S> {
    /// Of something that does not block.
    ///
    /// # Errors
    /// If there are too many.
    pub(crate) fn new(io: S) -> io::Result<Source<S>> {
        let descriptor = sys::descriptor_of(&io);
        let (record, origin) = (Record::take()?, Origin::here());
        Ok(Source {
            registration: Registration { record, descriptor, origin },
            read_timeout: AtomicU64::new(NEVER),
            write_timeout: AtomicU64::new(NEVER),
            io,
        })
    }

    /// For what does not wait.
    ///
    /// # Errors
    /// If it has been closed: what has taken its place would do some things without an error.
    pub(crate) fn open(&self) -> io::Result<&S> {
        self.check_open()?;
        Ok(&self.io)
    }

    /// What owns the descriptor, whether it has been closed or not.
    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) fn into_io(self) -> S {
        self.io
    }

    /// What the poller tells of it.
    #[inline(always)]
    pub(crate) fn record(&self) -> &'static Record {
        self.registration.record
    }

    /// Calls `attempt` until it does something else than to say that it would block; waits in between.
    pub(crate) fn run<R>(
        &self,
        direction: Direction,
        attempt: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        self.run_stream(direction, attempt, |_| false)
    }

    /// The same, for a stream: `is_short` tells whether what an attempt has moved shows that there is no more. The next
    /// one then waits at once.
    #[inline]
    pub(crate) fn run_stream<R>(
        &self,
        direction: Direction,
        attempt: impl FnMut(&S) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> io::Result<R> {
        self.run_if(Readiness::may_try, direction, attempt, is_short)
    }

    /// The same; `may_try` tells whether an attempt is worth it, with what was seen before.
    #[inline(always)]
    pub(super) fn run_if<R>(
        &self,
        may_try: impl Fn(&Readiness, Seen) -> bool,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> io::Result<R> {
        // Not when something has been moved: a shutdown may end the caller here, and nobody would know of that.
        park::checkpoint();
        let readiness = self.record().readiness(direction);
        let mut own_deadline = None;
        loop {
            let seen = begin(readiness)?;
            if may_try(readiness, seen) {
                match attempt(&self.io) {
                    Ok(value) => {
                        if is_short(&value) {
                            readiness.drained(seen);
                        }
                        return Ok(value);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // It may have been closed in between.
                    Err(_) if readiness.look().is_closed() => return Err(closed()),
                    Err(error) => return Err(error),
                }
            }
            self.wait(direction, seen, &mut own_deadline)?;
        }
    }

    /// For an operation on no bytes at all, which does not wait: may it begin?
    pub(crate) fn check(&self, direction: Direction) -> io::Result<()> {
        begin(self.record().readiness(direction)).map(drop)
    }

    /// Calls `attempt` until it does something else than to say that it would block, or the limit is reached (`None`), whatever
    /// the deadline and the time-out to read are.
    pub(crate) fn run_up_to<R>(
        &self,
        limit: Limit<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<Option<R>> {
        let readiness = self.record().readiness(Direction::Read);
        loop {
            let seen = readiness.look();
            if readiness.may_try(seen) {
                match attempt(&self.io) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result.map(Some),
                }
            }
            self.register(Direction::Read)?;
            if readiness.wait(seen, limit, Wait::Read).is_err() {
                return Ok(None);
            }
        }
    }

    /// Waits for news since `seen`. The operation's time-out begins with its first wait.
    #[inline(never)]
    fn wait(
        &self,
        direction: Direction,
        seen: Seen,
        own_deadline: &mut Option<Deadline>,
    ) -> io::Result<()> {
        self.register(direction)?;
        // What registering has left there.
        gort_context::wipe_below();
        let readiness = self.record().readiness(direction);
        let own_deadline =
            *own_deadline.get_or_insert_with(|| match self.timeout_of(direction).load(Relaxed) {
                NEVER => Deadline::NEVER,
                nanos => Deadline::after(Duration::from_nanos(nanos)),
            });
        let why = match direction {
            Direction::Read => Wait::Read,
            Direction::Write => Wait::Write,
        };
        let limit = Limit::Deadline(own_deadline.min(readiness.deadline()));
        match readiness.wait(seen, limit, why) {
            // The other deadline may have been moved meanwhile, which is for the next look to tell.
            Err(_) if own_deadline.has_passed() => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn register(&self, direction: Direction) -> io::Result<()> {
        self.registration.ensure(direction).map_err(|error| {
            // Being closed in between, it is not to the poller what its record says.
            let is_closed = self.record().readiness(direction).look().is_closed();
            if is_closed { closed() } else { error }
        })
    }

    fn timeout_of(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Read => &self.read_timeout,
            Direction::Write => &self.write_timeout,
        }
    }

    /// For how long operations that begin from now on may wait.
    ///
    /// # Errors
    /// `InvalidInput` for zero, as std's.
    pub(crate) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            let message =
                "a time-out of zero: to wait for no time at all set a deadline that has passed";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.check_open()?;
        let nanos =
            timeout.map_or(NEVER, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(NEVER));
        self.timeout_of(direction).store(nanos, Relaxed);
        Ok(())
    }

    pub(crate) fn timeout(&self, direction: Direction) -> io::Result<Option<Duration>> {
        self.check_open()?;
        let nanos = self.timeout_of(direction).load(Relaxed);
        Ok((nanos != NEVER).then(|| Duration::from_nanos(nanos)))
    }

    /// Up to when operations may wait, those that wait already among them.
    pub(crate) fn set_deadline(
        &self,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.check_open()?;
        let deadline = deadline.map_or(Deadline::NEVER, Deadline::at);
        self.record().readiness(direction).set_deadline(deadline);
        Ok(())
    }

    /// Whoever waits in a direction that has been shut down is to try again: not every poller tells of that.
    pub(crate) fn shut(&self, how: Shutdown) {
        if how != Shutdown::Write {
            self.record().readiness(Direction::Read).shut();
        }
        if how != Shutdown::Read {
            self.record().readiness(Direction::Write).shut();
        }
    }

    pub(crate) fn check_open(&self) -> io::Result<()> {
        match self.record().readiness(Direction::Read).look().is_closed() {
            false => Ok(()),
            true => Err(closed()),
        }
    }

    /// Closes the descriptor for all who have it, and wakes whoever waits. The number stays taken until this is
    /// dropped: so nobody who has borrowed it comes to use another's.
    pub(crate) fn close(&self) -> io::Result<()> {
        let record = self.record();
        record.readiness(Direction::Read).close();
        record.readiness(Direction::Write).close();
        record.deregister();
        sys::close_in_place(&self.io)
    }
}

/// A look before an attempt, or an error if it may not begin.
#[inline(always)]
fn begin(readiness: &Readiness) -> io::Result<Seen> {
    let seen = readiness.look();
    if seen.is_closed() {
        return Err(closed());
    }
    if readiness.deadline().has_passed() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(seen)
}

impl<S: fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// What is to be taken out of a source that others may have, too.
///
/// # Errors
/// `ResourceBusy` if others have it.
pub(crate) fn take_out<S: OwnsDescriptor>(source: Arc<Source<S>>) -> io::Result<S> {
    match Arc::try_unwrap(source) {
        Ok(source) => {
            source.check_open()?;
            Ok(source.into_io())
        }
        Err(source) => {
            let others = Arc::strong_count(&source) - 1;
            let message =
                format!("the socket has {others} other handle(s), from try_clone or split");
            Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
        }
    }
}
