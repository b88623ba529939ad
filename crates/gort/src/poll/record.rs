//! The records of all sources of the process: a table that grows and is never given back.
//!
//! An event names a record by its number, and may come after the source is gone, while another uses the record. That the
//! memory stays makes looking it up safe, and the [generation](super::readiness) makes it harmless. It costs 192
//! bytes for each source of the time when there were most.

use super::readiness::{GENERATIONS, Readiness};
use super::{Direction, Directions, Driver};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU8, Ordering::*};
use crate::sched::inside;
use crate::sys::{self, Descriptor, Polled};
use gort_context::prefetch;
use std::io;
use std::ptr;
use std::sync::{Arc, OnceLock};

/// Records that are made at a time, and how often.
const CHUNK: usize = 256;
const CHUNKS: usize = 1 << 14;

static TABLE: [OnceLock<Box<[Record]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static VACANT: Lock<Vacant> = Lock::new(Vacant { numbers: Vec::new(), made: 0 });

struct Vacant {
    numbers: Vec<usize>,
    /// So many are in use or vacant; those above have never been used.
    made: usize,
}

/// What the poller and those who wait have in common: of one source at a time.
#[repr(C, align(64))]
pub(crate) struct Record {
    /// What is used without waiting, of both directions, is in the first line.
    read: Readiness,
    write: Readiness,
    number: usize,
    /// With whom the descriptor is registered.
    registered: Lock<Option<Registered>>,
    /// For which directions it is, while the driver's runtime lasts. Changed with the lock.
    polled: AtomicU8,
}

struct Registered {
    driver: Arc<Driver>,
    polled: Polled,
}

impl Record {
    /// One that nobody uses, ready in both directions.
    ///
    /// # Errors
    /// If there are four million.
    pub(crate) fn take() -> io::Result<&'static Record> {
        let number = {
            let mut vacant = VACANT.lock();
            vacant.numbers.pop().unwrap_or_else(|| {
                vacant.made += 1;
                vacant.made - 1
            })
        };
        let chunk = TABLE.get(number / CHUNK).ok_or_else(|| {
            VACANT.lock().made -= 1;
            let most = CHUNK * CHUNKS;
            io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!("more than {most} sockets and pipes"),
            )
        })?;
        let first = number - number % CHUNK;
        let chunk = chunk.get_or_init(|| (first..first + CHUNK).map(Record::new).collect());
        Ok(&chunk[number % CHUNK])
    }

    fn new(number: usize) -> Record {
        Record {
            number,
            read: Readiness::new(),
            write: Readiness::new(),
            registered: Lock::new(None),
            polled: AtomicU8::new(Directions::NONE.0),
        }
    }

    /// Gives it back. Nobody waits, and the descriptor is registered nowhere.
    pub(crate) fn give_back(&'static self) {
        self.read.renew();
        self.write.renew();
        VACANT.lock().numbers.push(self.number);
    }

    /// It is about to be told of an event: has what that takes fetched.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        prefetch::lines(self, 2);
    }

    /// The same of who waits to read, once the record is at hand.
    #[inline(always)]
    pub(crate) fn prefetch_reader(&self) {
        self.read.prefetch_waiter();
    }

    #[inline(always)]
    pub(crate) fn readiness(&self, direction: Direction) -> &Readiness {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Is somebody polling the descriptor? To be asked after a look at the readiness: who ends that is news.
    #[inline(always)]
    pub(crate) fn is_polled(&self, direction: Direction) -> bool {
        self.polled().has(direction)
    }

    #[inline(always)]
    fn polled(&self) -> Directions {
        Directions(self.polled.load(Relaxed))
    }

    fn set_polled(&self, directions: Directions) {
        self.polled.store(directions.0, Relaxed);
    }

    /// Registers the descriptor, whose record this is, unless it is.
    ///
    /// Most are never waited for to be written to. Those that are not registered for it save an event that says so with
    /// each that says that there is something to be read.
    ///
    /// # Errors
    /// As [`Driver::register`]; if the driver's runtime has ended.
    pub(crate) fn register(
        &self,
        descriptor: Descriptor,
        direction: Direction,
        driver: Arc<Driver>,
    ) -> io::Result<()> {
        let _inside = inside();
        let mut registered = self.registered.lock();
        // What was registered before a fork is the parent's.
        if registered.take_if(|registered| !registered.driver.is_here()).is_some() {
            self.set_polled(Directions::NONE);
        }
        if self.is_polled(direction) {
            return Ok(());
        }
        let directions = self.polled().with(direction);
        match &mut *registered {
            Some(Registered { driver, polled }) if !driver.is_closed() => {
                driver.reregister(polled, self, directions)?;
            }
            // With the lock: if it is closed later, `leave` finds this.
            _ if driver.is_closed() => return Err(io::Error::other("the runtime has ended")),
            _ => {
                let polled = driver.register(descriptor, self, directions)?;
                *registered = Some(Registered { driver, polled });
            }
        }
        self.set_polled(directions);
        Ok(())
    }

    /// The opposite.
    pub(crate) fn deregister(&self) {
        let registered = {
            let _inside = inside();
            let mut registered = self.registered.lock();
            self.set_polled(Directions::NONE);
            registered.take()
        };
        if let Some(Registered { driver, polled }) = registered {
            driver.deregister(polled);
        }
    }

    /// The poller tells of a change, of the source of that generation. See [`Readiness::event`].
    pub(crate) fn tell(&self, direction: Direction, generation: u64, unsure: bool) {
        if sys::FORGETS_WHEN_TOLD {
            // Before those who wait hear of it: who waits again asks again. With the lock: who asks just now has done so before
            // this event, and is told by it, or does so after, and then somebody asks once too often at worst.
            let _registered = self.registered.lock();
            self.set_polled(self.polled().without(direction));
        }
        self.readiness(direction).event(generation, unsure);
    }

    /// The driver polls no more: if it is this record's, who waits is to look again, and to register with another.
    pub(crate) fn leave(&self, driver: &Driver) {
        // What the driver has of the system's goes with the last who has it, which is not to be a socket that nobody uses.
        let _left = {
            let mut registered = self.registered.lock();
            let is_its = |registered: &mut Registered| ptr::eq(&*registered.driver, driver);
            let Some(left) = registered.take_if(is_its) else { return };
            self.set_polled(Directions::NONE);
            left
        };
        self.read.rouse();
        self.write.rouse();
    }

    /// What an event has to say to be about this record and its source of now.
    pub(crate) fn token(&self) -> usize {
        self.number * GENERATIONS as usize + self.read.generation() as usize
    }

    /// The record that a token is about, and which of its sources.
    pub(crate) fn of_token(token: usize) -> Option<(&'static Record, u64)> {
        let number = token / GENERATIONS as usize;
        let chunk = TABLE.get(number / CHUNK)?.get()?;
        Some((&chunk[number % CHUNK], token as u64 % GENERATIONS))
    }

    /// All that there have been.
    pub(crate) fn all() -> impl Iterator<Item = &'static Record> {
        TABLE.iter().map_while(OnceLock::get).flat_map(|chunk| chunk.iter())
    }
}
