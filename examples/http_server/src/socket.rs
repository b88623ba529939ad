//! A client's socket as a transport.

use crate::wire::{Control, Transport};
use gort::net::TcpStream;
use gort::sync::Mutex;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A connection as seen by its goroutine and by the one that stops the server.
pub(crate) struct Seat {
    pub(crate) stream: TcpStream,
    stopping: Arc<AtomicBool>,
    /// It waits for a request. Who sets this, or ends the wait, holds the lock: a connection either sees that
    /// the server stops when it is about to wait, or is found waiting.
    idle: Mutex<bool>,
}

impl Seat {
    pub(crate) fn new(stream: TcpStream, stopping: Arc<AtomicBool>) -> Seat {
        Seat { stream, stopping, idle: Mutex::new(false) }
    }

    /// Ends a wait for a request, when the server has begun to stop.
    pub(crate) fn wake_if_idle(&self) {
        let idle = self.idle.lock().expect("no panic under it");
        if *idle && self.stream.set_read_deadline(Some(Instant::now())).is_err() {
            // It cannot be told by a deadline, so by the end of its socket; an error says that it had that.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

impl Control for Seat {
    fn idle(&self, until: Instant) -> bool {
        let mut idle = self.idle.lock().expect("no panic under it");
        *idle = true;
        !self.stopping() && self.read_until(until).is_ok()
    }

    fn busy(&self) {
        *self.idle.lock().expect("no panic under it") = false;
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn read_until(&self, deadline: Instant) -> io::Result<()> {
        self.stream.set_read_deadline(Some(deadline))
    }

    fn write_until(&self, deadline: Instant) -> io::Result<()> {
        self.stream.set_write_deadline(Some(deadline))
    }
}

pub(crate) struct Socket(pub(crate) Arc<Seat>);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0.stream).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Socket {
    type Control = Seat;

    fn control(&self) -> &Seat {
        &self.0
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.stream.shutdown(Shutdown::Write)
    }
}
