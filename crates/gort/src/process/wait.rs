//! Waiting for a process to end.

use super::orphans;
use crate::chan::RecvTimeoutError;
use crate::net::source::Source;
use crate::poll::Direction;
use crate::signal::{self, Signal};
use crate::sys;
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::time::Instant;

/// A child process, which is waited for in the end.
#[derive(Debug)]
pub(super) struct Process {
    /// `None` once it is an orphan, or its end is known.
    child: Option<Child>,
    number: u32,
    ended: Option<ExitStatus>,
    /// What it is polled by, from the first wait on.
    descriptor: Descriptor,
}

#[derive(Debug)]
enum Descriptor {
    NotOpened,
    Opened(Source<OwnedFd>),
    /// There is none to be had, or it cannot be polled.
    Refused,
}

impl Process {
    pub(super) fn new(child: Child) -> Process {
        orphans::reap();
        let number = child.id();
        Process { child: Some(child), number, ended: None, descriptor: Descriptor::NotOpened }
    }

    pub(super) fn id(&self) -> u32 {
        self.number
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            self.ended = Some(status);
            self.child = None;
            self.descriptor = Descriptor::NotOpened;
        }
        Ok(self.ended)
    }

    /// Waits for the end; `None`: the deadline has passed.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        self.open();
        let is_polled = match (&self.descriptor, &mut self.child) {
            (Descriptor::Opened(source), Some(child)) => poll(source, child, deadline).is_ok(),
            _ => false,
        };
        if !is_polled {
            self.descriptor = Descriptor::Refused;
            self.wait_for_signal(deadline)?;
        }
        self.try_wait()
    }

    fn open(&mut self) {
        if let Descriptor::NotOpened = self.descriptor {
            let opened = sys::open_process(self.number).and_then(Source::new);
            self.descriptor = opened.map_or(Descriptor::Refused, Descriptor::Opened);
        }
    }

    /// Without a descriptor: looks after each `SIGCHLD`.
    fn wait_for_signal(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        // Before the look, so that no end is missed.
        let ends = signal::notify(&[Signal::CHILD])?;
        while self.try_wait()?.is_none() {
            let heard = match deadline {
                Some(deadline) => ends.recv_deadline(deadline),
                None => ends.recv().ok_or(RecvTimeoutError::Closed),
            };
            if heard.is_err() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.as_mut().map_or(Ok(()), Child::kill)
    }

    pub(super) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match self.try_wait()? {
            // It was not waited for, so nobody else has its number.
            None => sys::signals::send(self.number as i32, signal.as_raw()),
            Some(_) => Ok(()),
        }
    }
}

/// Waits until the process has ended, or the deadline has passed.
fn poll(source: &Source<OwnedFd>, child: &mut Child, deadline: Option<Instant>) -> io::Result<()> {
    source.set_deadline(Direction::Read, deadline)?;
    let ended = source.run(Direction::Read, |_| match child.try_wait()? {
        Some(_status) => Ok(()),
        None => Err(io::ErrorKind::WouldBlock.into()),
    });
    match ended {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
        ended => ended,
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = mem::take(&mut self.child) {
            orphans::add(child);
        }
    }
}
