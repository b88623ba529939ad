//! A request and the way to its response: what those who answer requests hold.

use crate::body::{Body, Failure};
use crate::date::Date;
use crate::request::Request;
use crate::status::Status;
use crate::wire::{Control, Transport, Wire};
use std::fmt::Display;
use std::io::{self, Write};

pub(crate) struct Exchange<'a, 'w, T> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) body: Body,
    wire: &'a mut Wire<'w, T>,
    date: &'a mut Date,
    keep_alive: bool,
    /// A response has begun: there can be no other.
    begun: bool,
}

impl<'a, 'w, T: Transport> Exchange<'a, 'w, T> {
    pub(crate) fn new(
        request: &'a Request<'a>,
        body: Body,
        wire: &'a mut Wire<'w, T>,
        date: &'a mut Date,
    ) -> Self {
        let keep_alive = request.keeps_alive();
        Exchange { request, body, wire, date, keep_alive, begun: false }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.request.method == "HEAD"
    }

    /// Whether another request may come after this one.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// Waits for some of the request's body. Returns how much there is in `buffer`, 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        self.body.read(self.wire, buffer)
    }

    /// Reads what nobody read of the body. False: that is too much, the connection has to be closed.
    pub(crate) fn drain(&mut self) -> Result<bool, Failure> {
        self.body.drain(self.wire)
    }

    /// Begins the response.
    pub(crate) fn respond(&mut self, status: Status) -> Head<'_> {
        self.begun = true;
        self.keep_alive &= !self.wire.control().stopping();
        let connection = match (self.keep_alive, self.request.old) {
            (false, _) => "Connection: close\r\n",
            (true, true) => "Connection: keep-alive\r\n",
            (true, false) => "",
        };
        let bodiless = self.is_head();
        let mut head = Head { output: self.wire.output(), bodiless };
        head.fields(status.line()).fields("Server: gort\r\nDate: ").fields(self.date.now());
        head.fields("\r\n").fields(connection);
        head
    }

    /// A response that says no more than its status, in words.
    pub(crate) fn answer(&mut self, status: Status) {
        self.respond(status).field("Content-Type", "text/plain").content(status.words());
    }

    /// Answers a request that did not keep to the protocol, if it can still be told; no other can follow.
    pub(crate) fn refuse(&mut self, status: Status) -> Result<(), Failure> {
        if self.begun {
            return Err(Failure::Lost);
        }
        self.keep_alive = false;
        self.answer(status);
        Ok(())
    }

    /// Sends these bytes of the response's content in their turn; there has to be a [`Head::length`].
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }

    /// Begins a response that is made while it is sent, of this length if that is known. [`Stream`] sends its content.
    pub(crate) fn stream(
        &mut self,
        status: Status,
        content_type: &str,
        length: Option<u64>,
    ) -> Stream<'_, 'a, 'w, T> {
        let (chunks, bodiless) = (length.is_none() && !self.request.old, self.is_head());
        // In HTTP/1.0 the end of the connection is that of a content without a length.
        self.keep_alive &= chunks || length.is_some();
        let mut head = self.respond(status);
        head.field("Content-Type", content_type);
        if chunks {
            head.field("Transfer-Encoding", "chunked");
        }
        match length {
            Some(length) => head.length(length),
            None => head.end(),
        }
        Stream { exchange: self, chunks, bodiless }
    }
}

/// The head of a response, being written.
#[must_use]
pub(crate) struct Head<'o> {
    output: &'o mut Vec<u8>,
    /// There will be no content, whatever the head says of it.
    bodiless: bool,
}

impl Head<'_> {
    pub(crate) fn field(&mut self, name: &str, value: impl Display) -> &mut Self {
        write!(self.output, "{name}: {value}\r\n").expect("memory takes it");
        self
    }

    /// Fields that are written out already, each with its end of line.
    pub(crate) fn fields(&mut self, lines: &str) -> &mut Self {
        self.output.extend_from_slice(lines.as_bytes());
        self
    }

    /// The end of a head without a length: there is no content, or it is a stream.
    pub(crate) fn end(&mut self) {
        self.fields("\r\n");
    }

    /// The end of the head: content of that length is to be sent next, but not if the method is HEAD.
    pub(crate) fn length(&mut self, length: u64) {
        self.field("Content-Length", length).end();
    }

    /// The end of the head, and the content.
    pub(crate) fn content(&mut self, content: impl AsRef<[u8]>) {
        let content = content.as_ref();
        self.length(content.len() as u64);
        if !self.bodiless {
            self.output.extend_from_slice(content);
        }
    }
}

/// The content of a response that is made while it is sent.
#[must_use]
pub(crate) struct Stream<'s, 'a, 'w, T> {
    exchange: &'s mut Exchange<'a, 'w, T>,
    chunks: bool,
    bodiless: bool,
}

impl<T: Transport> Stream<'_, '_, '_, T> {
    pub(crate) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    /// Waits for some of the request's body, like [`Exchange::read`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        self.exchange.read(buffer)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A chunk of nothing would be the last one.
        if bytes.is_empty() || self.bodiless {
            return Ok(());
        }
        if !self.chunks {
            return self.exchange.send(bytes);
        }
        write!(self.exchange.wire.output(), "{:x}\r\n", bytes.len())?;
        self.exchange.send(bytes)?;
        self.exchange.send(b"\r\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.exchange.flush()
    }

    /// The content is complete. A stream that is dropped without this breaks off, and the client sees that, but in HTTP/1.0 if
    /// there is no length.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.chunks && !self.bodiless {
            self.exchange.send(b"0\r\n\r\n")?;
        }
        Ok(())
    }
}
