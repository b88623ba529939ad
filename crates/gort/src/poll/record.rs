//! The records of all sources of the process: a table that grows and is never given back.
//!
//! An event names a record by its number, and may come after the source is gone, while another uses the record. That the
//! memory stays makes looking it up safe, and the [generation](super::readiness) makes it harmless. It costs 192
//! bytes for each source of the time when there were most.

use super::readiness::{GENERATIONS, Readiness};
use super::{Direction, Driver};
use crate::prim::Lock;
use std::io;
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
pub(crate) struct Record {
    number: usize,
    read: Readiness,
    write: Readiness,
    /// With whom the descriptor is registered.
    driver: Lock<Option<Arc<Driver>>>,
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
        Record { number, read: Readiness::new(), write: Readiness::new(), driver: Lock::new(None) }
    }

    /// Gives it back. Nobody waits, and the descriptor is registered nowhere.
    pub(crate) fn give_back(&'static self) {
        self.read.renew();
        self.write.renew();
        VACANT.lock().numbers.push(self.number);
    }

    #[inline(always)]
    pub(crate) fn readiness(&self, direction: Direction) -> &Readiness {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Has all who wait look again.
    pub(crate) fn rouse(&self) {
        self.read.rouse();
        self.write.rouse();
    }

    /// With whom the descriptor is registered; to be changed by its owner.
    pub(crate) fn driver(&self) -> &Lock<Option<Arc<Driver>>> {
        &self.driver
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
