//! A client's socket as a transport.

use crate::wire::{Control, Transport};
use gort::net::TcpStream;
use gort::sync::Mutex;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A connection as seen by its goroutine and by the one that stops the server.
pub(crate) struct Seat {
    pub(crate) stream: TcpStream,
    stopping: Arc<AtomicBool>,
    wait: Mutex<Wait>,
}

#[derive(Default)]
struct Wait {
    /// It is for a request. Who sets this, or ends the wait, holds the lock: a connection either sees that the
    /// server stops when it is about to wait, or is found waiting.
    idle: bool,
    /// Up to when, as far as the connection has set it.
    until: Option<Instant>,
}

impl Seat {
    pub(crate) fn new(stream: TcpStream, stopping: Arc<AtomicBool>) -> Seat {
        Seat { stream, stopping, wait: Mutex::default() }
    }

    /// Ends a wait for a request, when the server has begun to stop.
    pub(crate) fn wake_if_idle(&self) {
        let wait = self.wait.lock().expect("no panic under it");
        if wait.idle && self.stream.set_read_deadline(Some(Instant::now())).is_err() {
            // It cannot be told by a deadline, so by the end of its socket; an error says that it had that.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    fn wait_until(&self, wait: &mut Wait, deadline: Instant) -> io::Result<()> {
        wait.until = Some(deadline);
        self.stream.set_read_deadline(Some(deadline))
    }
}

impl Control for Seat {
    fn idle(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut wait = self.wait.lock().expect("no panic under it");
        wait.idle = true;
        if self.stopping() {
            return false;
        }
        // A deadline that is about right is left alone: the next read would have to try in vain before it
        // waits for that deadline instead of the one before.
        let is_set = wait.until.is_some_and(|set| set <= until && until - set < patience / 8);
        is_set || self.wait_until(&mut wait, until).is_ok()
    }

    fn busy(&self) {
        self.wait.lock().expect("no panic under it").idle = false;
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn read_until(&self, deadline: Instant) -> io::Result<()> {
        self.wait_until(&mut self.wait.lock().expect("no panic under it"), deadline)
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
