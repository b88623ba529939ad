//! Nothing tells that pipes and standard input are ready: a thread waits, without a processor. Nor does the kernel copy.

use crate::blocking;
use crate::poll::Direction;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// In place of [`net::source::Source`](crate::net::source::Source), with its methods: an operation waits until it is done.
pub(super) struct Source<S> {
    io: S,
}

impl<S> Source<S> {
    pub(super) fn new(io: S) -> io::Result<Source<S>> {
        Ok(Source { io })
    }

    pub(super) fn open(&self) -> io::Result<&S> {
        Ok(&self.io)
    }

    pub(super) fn check_open(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn io(&self) -> &S {
        &self.io
    }

    pub(super) fn into_io(self) -> S {
        self.io
    }

    pub(super) fn run<R>(
        &self,
        _direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        blocking(|| operation(&self.io))
    }

    pub(super) fn check(&self, _: Direction) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn set_timeout(&self, _: Direction, timeout: Option<Duration>) -> io::Result<()> {
        timeout.map_or(Ok(()), |_| Err(unsupported()))
    }

    pub(super) fn set_deadline(&self, _: Direction, deadline: Option<Instant>) -> io::Result<()> {
        deadline.map_or(Ok(()), |_| Err(unsupported()))
    }

    pub(super) fn close(&self) -> io::Result<()> {
        Err(unsupported())
    }
}

fn unsupported() -> io::Error {
    let message = "the wait for a pipe or standard input cannot be ended on this system";
    io::Error::new(io::ErrorKind::Unsupported, message)
}

impl<S: fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

pub(super) fn copy_in_kernel<R: ?Sized, W: ?Sized>(_: &R, _: &W) -> Option<io::Result<u64>> {
    None
}
