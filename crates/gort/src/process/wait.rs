//! Waiting for a process to end.

use super::orphans;
use crate::chan::{Receiver, chan};
use crate::context::Context;
use crate::net::source::Source;
use crate::park::Limit;
use crate::signal::{self, Signal};
use crate::sys::{self, OwnedDescriptor, ProcessWatch};
use std::io;
use std::mem;
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
    Opened(Source<OwnedDescriptor>),
    /// There is none to be had, or it cannot be polled.
    Refused,
}

/// How long to wait.
#[derive(Clone, Copy)]
pub(super) enum Until<'a> {
    TheEnd,
    Time(Instant),
    Done(&'a Context),
}

impl Until<'_> {
    fn limit(&self) -> Limit<'_> {
        match self {
            Until::TheEnd => Limit::NEVER,
            Until::Time(deadline) => Limit::at(*deadline),
            Until::Done(context) => context.limit(),
        }
    }

    /// Waits for news; false if there was none in time.
    fn hear<T>(self, news: &Receiver<T>) -> bool {
        match self {
            Until::TheEnd => news.recv().is_some(),
            Until::Time(deadline) => news.recv_deadline(deadline).is_ok(),
            Until::Done(context) => gort::select! {
                recv(news) -> _ => true,
                recv(context.done()) -> _ => false,
            },
        }
    }
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

    /// Waits for the end; `None`: it has not come in time.
    pub(super) fn wait(&mut self, until: Until<'_>) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        self.open();
        let is_polled = match (&self.descriptor, &mut self.child) {
            (Descriptor::Opened(source), Some(child)) => {
                let mut ended = || child.try_wait()?.ok_or(io::ErrorKind::WouldBlock.into());
                source.run_up_to(until.limit(), |_| ended()).is_ok()
            }
            _ => false,
        };
        if !is_polled {
            self.descriptor = Descriptor::Refused;
            self.wait_for_news(until)?;
        }
        self.try_wait()
    }

    fn open(&mut self) {
        if let Descriptor::NotOpened = self.descriptor {
            let opened = sys::open_process(self.number).and_then(Source::new);
            self.descriptor = opened.map_or(Descriptor::Refused, Descriptor::Opened);
        }
    }

    /// Without a descriptor: looks when the system tells of the end of the process, or of any child.
    fn wait_for_news(&mut self, until: Until<'_>) -> io::Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let (tx, end) = chan(1);
        if let Some(_watch) = ProcessWatch::new(child, move || _ = tx.try_send(()))? {
            until.hear(&end);
            return Ok(());
        }
        // Before the look, so that no end is missed.
        let ends = signal::notify(&[Signal::CHILD])?;
        while self.try_wait()?.is_none() && until.hear(&ends) {}
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

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = mem::take(&mut self.child) {
            orphans::add(child);
        }
    }
}
