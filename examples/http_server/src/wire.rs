//! A connection's bytes: a buffer in, a buffer out, and the times by which the client has to do its part.
//!
//! Responses are gathered while further requests are there to be answered (pipelining), and sent before
//! anything waits.

use crate::limits::Limits;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// The input buffer of a connection that waits for a request. Many do, so it is small; a request that needs
/// more gets more for as long as it lasts.
const SMALL_INPUT: usize = 1 << 10;
/// The same for the output.
const SMALL_OUTPUT: usize = 4 << 10;
/// So much is gathered before it is sent, and sent at once: a piece that a client has to take in time.
pub(crate) const PIECE: usize = 64 << 10;

/// What carries a connection: a socket, or TLS on one.
pub(crate) trait Transport: Read + Write {
    type Control: Control;

    fn control(&self) -> &Self::Control;

    /// Tells the client that nothing more will be sent.
    fn finish(&mut self) -> io::Result<()>;
}

/// The side of a socket by which waits are bounded, and ended when the server is to stop.
pub(crate) trait Control {
    /// From now on a request is waited for, so long or an eighth less. False: the server is to stop, so none
    /// should be.
    fn idle(&self, patience: Duration) -> bool;

    /// From now on a request is read and answered: a server that is to stop waits for that.
    fn busy(&self);

    fn stopping(&self) -> bool;

    /// Reads fail from then on with [`io::ErrorKind::TimedOut`].
    fn read_until(&self, deadline: Instant) -> io::Result<()>;
}

pub(crate) struct Wire<'a, T> {
    transport: T,
    limits: &'a Limits,
    /// What was read and is not used yet is `input[start..end]`.
    input: Vec<u8>,
    start: usize,
    end: usize,
    output: Vec<u8>,
}

impl<'a, T: Transport> Wire<'a, T> {
    pub(crate) fn new(transport: T, limits: &'a Limits) -> Self {
        Wire { transport, limits, input: Vec::new(), start: 0, end: 0, output: Vec::new() }
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(crate) fn control(&self) -> &T::Control {
        self.transport.control()
    }

    /// What has arrived and is not used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Takes note that so many bytes of [`unread`](Self::unread) are used.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        assert!(self.start <= self.end);
    }

    /// Waits for more input, behind what is unread. Returns how much came, 0 at its end.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        self.flush()?;
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.input.len() {
            self.input.resize(SMALL_INPUT.max(self.end * 2), 0);
        }
        let read = retry(|| self.transport.read(&mut self.input[self.end..]))?;
        self.end += read;
        Ok(read)
    }

    /// Reads what is unread, or else what comes, without a copy in between.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.flush()?;
            return retry(|| self.transport.read(buffer));
        }
        let taken = buffer.len().min(self.end - self.start);
        buffer[..taken].copy_from_slice(&self.unread()[..taken]);
        self.consume(taken);
        Ok(taken)
    }

    /// Gives back what a large request took of memory.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.input.len() > SMALL_INPUT {
            (self.input, self.start, self.end) = (Vec::new(), 0, 0);
        }
        if self.output.is_empty() && self.output.capacity() > SMALL_OUTPUT {
            self.output = Vec::new();
        }
    }

    /// The output, to be added to.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends these bytes in their turn, perhaps with others later.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.output.len() + bytes.len() > PIECE {
            let (piece, rest) = bytes.split_at(PIECE.saturating_sub(self.output.len()));
            self.output.extend_from_slice(piece);
            self.flush()?;
            bytes = rest;
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends all output there is. Returns when the system has taken it, which waits for a slow client.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let done = self.send().and_then(|()| self.transport.flush());
        self.output.clear();
        done
    }

    /// Sends what was gathered if that is a piece or more. Called for each request, so that what is kept, and what a client
    /// has to take in one go, does not grow with how much it asks for at once.
    pub(crate) fn flush_piece(&mut self) -> io::Result<()> {
        if self.output.len() < PIECE { Ok(()) } else { self.flush() }
    }

    /// Each write has a time-out, which the transport knows; the whole has its time from when it has to wait.
    fn send(&mut self) -> io::Result<()> {
        let mut rest = &self.output[..];
        let mut deadline = None;
        loop {
            match self.transport.write(rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => rest = &rest[sent..],
            }
            if rest.is_empty() {
                return Ok(());
            }
            let now = Instant::now();
            if now > *deadline.get_or_insert_with(|| self.limits.pace(now, rest.len() as u64)) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Tells the client that this was all.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.transport.finish()
    }
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
