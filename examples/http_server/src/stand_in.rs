//! A transport in memory, for tests: what it gives to read is fixed, in pieces, and what is written is kept.

use crate::wire::{Control, Transport};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct StandIn {
    pieces: VecDeque<Vec<u8>>,
    written: Rc<RefCell<Vec<u8>>>,
    longest_write: Rc<Cell<usize>>,
    control: Clockwork,
}

/// Keeps what it is told; `stop_at` makes a server stop when so many requests have been begun.
#[derive(Default)]
pub(crate) struct Clockwork {
    pub(crate) begun: Cell<usize>,
    pub(crate) stop_at: Option<usize>,
}

impl StandIn {
    /// A client that sends these pieces and then nothing more.
    pub(crate) fn new<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> StandIn {
        let pieces = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        StandIn { pieces, ..StandIn::default() }
    }

    pub(crate) fn stop_at(mut self, request: usize) -> StandIn {
        self.control.stop_at = Some(request);
        self
    }

    /// What is written, also when `self` is gone.
    pub(crate) fn written(&self) -> Rc<RefCell<Vec<u8>>> {
        self.written.clone()
    }

    /// How many bytes were written at once at most, also when `self` is gone.
    pub(crate) fn longest_write(&self) -> Rc<Cell<usize>> {
        self.longest_write.clone()
    }
}

impl Read for StandIn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else { return Ok(0) };
        let taken = piece.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&piece[..taken]);
        if taken < piece.len() {
            self.pieces.push_front(piece.split_off(taken));
        }
        Ok(taken)
    }
}

impl Write for StandIn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.longest_write.set(self.longest_write.get().max(bytes.len()));
        self.written.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for StandIn {
    type Control = Clockwork;

    fn control(&self) -> &Clockwork {
        &self.control
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Control for Clockwork {
    fn idle(&self, _patience: Duration) -> bool {
        !self.stopping()
    }

    fn busy(&self) {
        self.begun.set(self.begun.get() + 1);
    }

    fn stopping(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| self.begun.get() >= stop_at)
    }

    fn read_until(&self, _deadline: Instant) -> io::Result<()> {
        Ok(())
    }
}
