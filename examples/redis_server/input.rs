//! What has come from a client and is not answered yet.

use crate::memory;
use std::io::{self, Read};

/// At first; for a client that is quiet this is all.
const SMALL: usize = 4 << 10;
/// As much as is read at a time from one that is not.
const LARGE: usize = 16 << 10;

/// One buffer for the whole of a connection's life. Requests are parsed where they are.
pub(crate) struct Input {
    /// All of it may be read into, and is initialized.
    buffer: Vec<u8>,
    /// Where the bytes are that have come.
    start: usize,
    end: usize,
    limit: usize,
}

/// Why there is nothing more to answer.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client has closed its end.
    Closed,
    /// It has sent nothing for too long, or nothing more until the server stops.
    TimedOut,
    /// Its request is longer than requests may be.
    TooLong,
    /// There is no memory for it.
    OutOfMemory,
    /// The connection is broken.
    Failed,
}

impl Input {
    pub(crate) fn new(limit: usize) -> Input {
        Input { buffer: vec![0; SMALL.min(limit)], start: 0, end: 0, limit }
    }

    /// All that has come, from the beginning of a request on.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Done with the first `len` bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start += len;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > LARGE {
                self.buffer.truncate(LARGE);
                self.buffer.shrink_to_fit();
            }
        }
    }

    /// Done with all of it.
    pub(crate) fn clear(&mut self) {
        self.consume(self.end - self.start);
    }

    /// Reads what there is, and waits if there is nothing.
    pub(crate) fn fill(&mut self, mut from: impl Read) -> Result<(), Ended> {
        self.make_room()?;
        let room = &mut self.buffer[self.end..];
        let size = room.len();
        let read = loop {
            match from.read(room) {
                Ok(0) => return Err(Ended::Closed),
                Ok(read) => break read,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::TimedOut => return Err(Ended::TimedOut),
                    _ => return Err(Ended::Failed),
                },
            }
        };
        self.end += read;
        if read == size && self.buffer.len() < LARGE.min(self.limit) {
            // There is probably more where that came from.
            self.buffer.resize(LARGE.min(self.limit), 0);
        }
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), Ended> {
        let len = self.buffer.len();
        if self.end < len {
            return Ok(());
        }
        if self.start > len / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            return Ok(());
        }
        // The request at hand takes half of it or more.
        let larger = (2 * len).min(self.limit + self.start);
        if larger == len {
            return Err(Ended::TooLong);
        }
        if larger > LARGE && !memory::has_room(larger) {
            return Err(Ended::OutOfMemory);
        }
        self.buffer.resize(larger, 0);
        Ok(())
    }
}
