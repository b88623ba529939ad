//! A client that sends what it is told to, and reads responses as HTTP frames them.

use std::io::{ErrorKind, Read, Write};

pub(crate) struct Client<S> {
    pub(crate) stream: S,
    /// What was read beyond the last response.
    rest: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut named = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = named.next().map(|(_, value)| value.as_str());
        assert!(named.next().is_none(), "{name} twice in {self:?}");
        value
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn new(stream: S) -> Client<S> {
        Client { stream, rest: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends a GET with these header lines, each with its end, and reads the response.
    pub(crate) fn get(&mut self, target: &str, fields: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        self.response()
    }

    /// Reads the head of a response, and no body.
    pub(crate) fn head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(
                self.more(),
                "the connection ended after {:?}",
                self.rest.escape_ascii().to_string()
            );
        };
        let head: Vec<u8> = self.rest.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let status = status.and_then(|line| line[..3].parse().ok()).expect(&head);
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect(&head);
            (name.to_owned(), value.to_owned())
        });
        Response { status, fields: fields.collect(), body: Vec::new() }
    }

    /// Reads a response with its body.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.head();
        if matches!(response.status, 100 | 204 | 304) {
            return response;
        }
        response.body =
            match (response.field("Content-Length"), response.field("Transfer-Encoding")) {
                (Some(length), None) => self.exactly(length.parse().expect("a length")),
                (None, Some("chunked")) => self.chunks(),
                (None, None) => self.until_end(),
                both => panic!("{both:?}"),
            };
        response
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// Reads one chunk; the last one is empty.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        while !self.rest.contains(&b'\n') {
            assert!(self.more(), "the connection ended before a chunk");
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').expect("it is there");
        let line: Vec<u8> = self.rest.drain(..=end).collect();
        let line = str::from_utf8(&line).expect("text").trim_end();
        let size = usize::from_str_radix(line, 16).expect("a size");
        let mut chunk = self.exactly(size + 2);
        assert_eq!(chunk.split_off(size), b"\r\n");
        chunk
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            assert!(self.more(), "the connection ended at {} of {length} bytes", self.rest.len());
        }
        self.rest.drain(..length).collect()
    }

    /// Reads all there is until the server ends the connection.
    pub(crate) fn until_end(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.rest)
    }

    /// Waits for the end of the connection; nothing may come before it.
    pub(crate) fn ended(mut self) {
        let rest = self.until_end();
        assert!(rest.is_empty(), "before the end: {}", rest.escape_ascii());
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 2048];
        match self.stream.read(&mut piece) {
            Ok(read) => {
                self.rest.extend_from_slice(&piece[..read]);
                read > 0
            }
            // The server is done with us, whatever we sent.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("reading: {error}"),
        }
    }
}
