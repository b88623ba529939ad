//! One of the clients.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// How long a message is.
const LENGTH: usize = 64;
/// For an answer that is waited for on its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection on which a message is under way, or has been answered.
pub struct Connection {
    stream: TcpStream,
    /// No two messages are the same: each has a number at its beginning.
    message: [u8; LENGTH],
    answer: [u8; LENGTH],
    /// How much of the answer has come.
    received: usize,
    sent: Instant,
}

impl Connection {
    /// Connects to the server on this machine, and waits for the answer to a first message.
    pub fn open(port: u16, number: u64) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut message = [7; LENGTH];
        message[..8].copy_from_slice(&(number << 32).to_le_bytes());
        let (answer, sent) = ([0; LENGTH], Instant::now());
        let mut connection = Connection { stream, message, answer, received: 0, sent };
        connection.round_trip()?;
        Ok(connection)
    }

    /// Sends a message and waits for its answer.
    pub fn round_trip(&mut self) -> io::Result<()> {
        self.send(Instant::now())?;
        let said = |error: io::Error| match error.kind() {
            ErrorKind::WouldBlock => {
                io::Error::new(ErrorKind::TimedOut, "no answer in five seconds")
            }
            _ => error,
        };
        while !self.receive().map_err(said)? {}
        Ok(())
    }

    /// Sends the next message.
    pub fn send(&mut self, now: Instant) -> io::Result<()> {
        let number = u64::from_le_bytes(self.message[..8].try_into().expect("eight bytes")) + 1;
        self.message[..8].copy_from_slice(&number.to_le_bytes());
        self.received = 0;
        self.sent = now;
        // There is room for it: what was sent before has been answered.
        self.stream.write_all(&self.message)
    }

    /// Receives what there is of the answer, or waits for some if there is nothing. Is it complete? It is
    /// checked then.
    pub fn receive(&mut self) -> io::Result<bool> {
        let read = self.stream.read(&mut self.answer[self.received..])?;
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server has closed it"));
        }
        self.received += read;
        let is_complete = self.received == LENGTH;
        if is_complete && self.answer != self.message {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is a wrong one"));
        }
        Ok(is_complete)
    }

    /// How long ago the last message was sent.
    pub fn since_sent(&self, now: Instant) -> Duration {
        now - self.sent
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
