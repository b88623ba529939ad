//! The body of a request, read piece by piece as whoever answers it asks for it.

use crate::framing::Framing;
use crate::status::Status;
use crate::wire::{Control, Transport, Wire};
use memchr::memchr;
use std::io;
use std::time::Instant;

/// The longest line that a chunk may begin with.
const CHUNK_LINE: usize = 256;
/// So much of a body that nobody wanted is read, to keep the connection for the next request.
const UNWANTED: u64 = 256 << 10;

/// Why there is no more of a request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client did not keep to the protocol or a limit, and is to be told.
    Refused(Status),
    /// There is nobody to be told.
    Lost,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Refused(status)
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Failure {
        Failure::Lost
    }
}

impl Failure {
    /// What a failure to read a request means: who was too slow is told.
    pub(crate) fn of_read(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::TimedOut => Failure::Refused(Status::REQUEST_TIMEOUT),
            _ => Failure::Lost,
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// So many bytes; then the end of the chunk, if it is one, or of the body.
    Data {
        left: u64,
        chunk: bool,
    },
    ChunkEnd,
    ChunkStart,
    Trailer,
    End,
}

pub(crate) struct Body {
    next: Next,
    /// The client waits to be told that it should send it.
    awaits_continue: bool,
    start: Option<Instant>,
    /// What came in chunks, and what came beside it.
    data: u64,
    overhead: usize,
}

impl Body {
    pub(crate) const NONE: Body =
        Body { next: Next::End, awaits_continue: false, start: None, data: 0, overhead: 0 };

    pub(crate) fn new(framing: Framing, awaits_continue: bool, limit: u64) -> Result<Body, Status> {
        let next = match framing {
            Framing::Absent | Framing::Length(0) => Next::End,
            Framing::Length(length) if length > limit => return Err(Status::CONTENT_TOO_LARGE),
            Framing::Length(left) => Next::Data { left, chunk: false },
            Framing::Chunked => Next::ChunkStart,
        };
        let awaits_continue = awaits_continue && next != Next::End;
        Ok(Body { next, awaits_continue, ..Body::NONE })
    }

    /// How many bytes are still to come, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.next {
            Next::Data { left, chunk: false } => Some(left),
            Next::End => Some(0),
            _ => None,
        }
    }

    /// Waits for some of the body. Returns how much there is in `buffer`, 0 at the end.
    pub(crate) fn read<T: Transport>(
        &mut self,
        wire: &mut Wire<'_, T>,
        buffer: &mut [u8],
    ) -> Result<usize, Failure> {
        loop {
            match self.next {
                Next::End => return Ok(0),
                Next::Data { left: 0, chunk } => {
                    self.next = if chunk { Next::ChunkEnd } else { Next::End };
                }
                Next::Data { left, chunk } => {
                    let room = usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
                    if wire.unread().is_empty() {
                        self.expect(wire)?;
                    }
                    let read = wire.read(&mut buffer[..room]).map_err(Failure::of_read)?;
                    if read == 0 && room > 0 {
                        return Err(Status::BAD_REQUEST.into());
                    }
                    self.data += read as u64;
                    // Who has begun does not wait.
                    self.awaits_continue = false;
                    self.next = Next::Data { left: left - read as u64, chunk };
                    return Ok(read);
                }
                Next::ChunkEnd => {
                    if self.line(wire, |line| line.is_empty().then_some(()))?.is_none() {
                        return Err(Status::BAD_REQUEST.into());
                    }
                    self.next = Next::ChunkStart;
                }
                Next::ChunkStart => {
                    let size = self.line(wire, chunk_size)?.ok_or(Status::BAD_REQUEST)?;
                    if size > wire.limits().body_bytes.saturating_sub(self.data) {
                        return Err(Status::CONTENT_TOO_LARGE.into());
                    }
                    self.next = match size {
                        0 => Next::Trailer,
                        left => Next::Data { left, chunk: true },
                    };
                }
                Next::Trailer => {
                    // Nobody here asks for what a trailer says, but it has to be one.
                    match self.line(wire, trailer_line)?.ok_or(Status::BAD_REQUEST)? {
                        Trailer::Field => {}
                        Trailer::End => self.next = Next::End,
                    }
                }
            }
        }
    }

    /// Reads what is left if that is not much. False: the connection cannot be used again.
    pub(crate) fn drain<T: Transport>(&mut self, wire: &mut Wire<'_, T>) -> Result<bool, Failure> {
        if self.next == Next::End {
            return Ok(true);
        }
        if self.awaits_continue || self.length().is_some_and(|length| length > UNWANTED) {
            return Ok(false);
        }
        let mut scratch = vec![0; 8 << 10];
        let mut left = UNWANTED;
        while left > 0 {
            match self.read(wire, &mut scratch)? {
                0 => return Ok(true),
                read => left = left.saturating_sub(read as u64),
            }
        }
        Ok(false)
    }

    /// Has `read` look at the next line, without its end, and returns what it says.
    fn line<T: Transport, R>(
        &mut self,
        wire: &mut Wire<'_, T>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Failure> {
        loop {
            let unread = wire.unread();
            if let Some(end) = memchr(b'\n', &unread[..unread.len().min(CHUNK_LINE)]) {
                let line = unread[..end].strip_suffix(b"\r").ok_or(Status::BAD_REQUEST)?;
                self.overhead += line.len();
                let said = read(line);
                wire.consume(end + 1);
                // Each chunk has a line of its own, so that its data pays for it.
                let allowed = wire.limits().head_bytes as u64 + self.data;
                return match self.overhead as u64 > allowed {
                    true => Err(Status::BAD_REQUEST.into()),
                    false => Ok(said),
                };
            }
            if unread.len() >= CHUNK_LINE {
                return Err(Status::BAD_REQUEST.into());
            }
            self.expect(wire)?;
            if wire.fill().map_err(Failure::of_read)? == 0 {
                return Err(Status::BAD_REQUEST.into());
            }
        }
    }

    /// Before a wait for more: the client has to know that it should send, and has to keep to the pace.
    fn expect<T: Transport>(&mut self, wire: &mut Wire<'_, T>) -> Result<(), Failure> {
        if std::mem::take(&mut self.awaits_continue) && wire.unread().is_empty() {
            wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let start = *self.start.get_or_insert_with(Instant::now);
        let deadline = wire.limits().pace(start, self.data);
        wire.control().read_until(deadline)?;
        Ok(())
    }
}

/// The number a chunk begins with; what may come behind it, "extensions", means nothing to us.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extensions) = line.split_at(digits);
    if !matches!(extensions.trim_ascii_start().first(), None | Some(b';')) {
        return None;
    }
    if extensions.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return None;
    }
    u64::from_str_radix(str::from_utf8(size).ok()?, 16).ok()
}

enum Trailer {
    Field,
    End,
}

fn trailer_line(line: &[u8]) -> Option<Trailer> {
    if line.is_empty() {
        return Some(Trailer::End);
    }
    let mut text = line.to_vec();
    text.extend_from_slice(b"\r\n\r\n");
    let mut field = [httparse::EMPTY_HEADER; 1];
    httparse::parse_headers(&text, &mut field).ok().map(|_| Trailer::Field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::stand_in::StandIn;

    /// Reads a chunked body that comes in pieces of that size; says what is left behind it, too.
    fn chunked(text: &str, piece: usize, limits: &Limits) -> Result<(String, String), Failure> {
        let mut wire = Wire::new(StandIn::new(text.as_bytes().chunks(piece)), limits);
        let mut body = Body::new(Framing::Chunked, false, 0).expect("no length");
        let (mut content, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            match body.read(&mut wire, &mut buffer)? {
                0 => break,
                read => content.extend_from_slice(&buffer[..read]),
            }
        }
        while wire.fill().expect("reading from memory") > 0 {}
        let rest = wire.unread().to_vec();
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ok((text(content), text(rest)))
    }

    #[test]
    fn chunks_in_pieces_of_any_size() {
        let text = "5\r\nhello\r\nA ; a=b\r\n, everyone\r\n0;x\r\nA: b\r\nC: d\r\n\r\nGET";
        for piece in 1..text.len() {
            let read = chunked(text, piece, &Limits::default()).expect("a good body");
            assert_eq!(read, ("hello, everyone".into(), "GET".into()), "pieces of {piece}");
        }
    }

    #[test]
    fn bad_chunks() {
        let limits = Limits { body_bytes: 100, head_bytes: 300, ..Limits::default() };
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
        let many = format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(100)).repeat(4));
        let trailer = format!("0\r\n{}\r\n", "A: b\r\n".repeat(100));
        for (text, status) in [
            ("\r\n", Status::BAD_REQUEST),
            ("x\r\n", Status::BAD_REQUEST),
            ("0x5\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("-5\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("+5\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            (" 5\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5 5\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5;a\rb\r\nhello\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5\r\nhello!\r\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5\r\nhello\n0\r\n\r\n", Status::BAD_REQUEST),
            ("5\r\nhello0\r\n\r\n", Status::BAD_REQUEST),
            ("5\r\nhell", Status::BAD_REQUEST),
            ("5\r\nhello\r\n0\r\n", Status::BAD_REQUEST),
            ("0\r\nno colon\r\n\r\n", Status::BAD_REQUEST),
            ("0\r\n folded: x\r\n\r\n", Status::BAD_REQUEST),
            ("10000000000000000\r\n", Status::BAD_REQUEST),
            ("ffffffffffffffff\r\n", Status::CONTENT_TOO_LARGE),
            ("65\r\n", Status::CONTENT_TOO_LARGE),
            (&long, Status::BAD_REQUEST),
            (&many, Status::BAD_REQUEST),
            (&trailer, Status::BAD_REQUEST),
        ] {
            for piece in [1, 3, text.len()] {
                match chunked(text, piece, &limits) {
                    Err(Failure::Refused(refused)) => assert_eq!(refused, status, "{text:?}"),
                    other => panic!("{text:?} in pieces of {piece}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn small_chunks_are_no_offence() {
        let limits = Limits { head_bytes: 300, ..Limits::default() };
        let text = "1\r\na\r\n".repeat(10_000) + "0\r\n\r\n";
        let (content, _) = chunked(&text, 1000, &limits).expect("a good body");
        assert_eq!(content.len(), 10_000);
    }

    #[test]
    fn a_length_bounds_the_body() {
        let limits = Limits::default();
        let mut wire = Wire::new(StandIn::new(["hel", "lo and more"]), &limits);
        let mut body = Body::new(Framing::Length(5), false, 5).expect("small enough");
        assert_eq!(body.length(), Some(5));
        assert!(body.drain(&mut wire).expect("a good body"));
        assert_eq!(wire.unread(), b"");
        assert_eq!(body.length(), Some(0));
        let refused = Body::new(Framing::Length(6), false, 5).err();
        assert_eq!(refused, Some(Status::CONTENT_TOO_LARGE));
    }

    #[test]
    fn a_body_that_was_asked_for_is_told_so_once() {
        let limits = Limits::default();
        let stand_in = StandIn::new(["5\r\n", "hello\r\n0\r\n\r\n"]);
        let written = stand_in.written();
        let mut wire = Wire::new(stand_in, &limits);
        let mut body = Body::new(Framing::Chunked, true, 0).expect("no length");
        assert!(!body.drain(&mut wire).expect("not read"), "it will perhaps not be sent");
        let mut buffer = [0; 10];
        assert_eq!(body.read(&mut wire, &mut buffer).expect("a good body"), 5);
        assert!(body.drain(&mut wire).expect("a good body"));
        assert_eq!(*written.borrow(), b"HTTP/1.1 100 Continue\r\n\r\n");
        // Who has begun without that is not told in the midst of it.
        let stand_in = StandIn::new(["5\r\nhel", "lo\r\n0\r\n\r\n"]);
        let written = stand_in.written();
        let mut wire = Wire::new(stand_in, &limits);
        wire.fill().expect("reading from memory");
        let mut body = Body::new(Framing::Chunked, true, 0).expect("no length");
        while body.read(&mut wire, &mut buffer).expect("a good body") > 0 {}
        assert_eq!(*written.borrow(), b"");
    }
}
