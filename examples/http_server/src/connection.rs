//! A connection's life: one request after the other, until one side has had enough.

use crate::body::{Body, Failure};
use crate::date::Date;
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::limits::Limits;
use crate::request::{self, Request};
use crate::site::Site;
use crate::status::Status;
use crate::wire::{Control, Transport, Wire};
use httparse::Header;
use std::io;
use std::time::{Duration, Instant};

/// How long, and for how many bytes, a client that has got its last response may go on sending.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 << 10;

/// What comes after a turn.
enum Next {
    Another,
    /// Nothing: a response was the last one.
    Farewell,
    /// Nothing: there was no request, and no response.
    Silence,
}

/// Serves a client. Returns when the connection is to be dropped; the error is that the client has gone.
pub(crate) fn serve<T: Transport>(transport: T, site: &Site) -> Result<(), Failure> {
    let mut wire = Wire::new(transport, &site.limits);
    let mut date = Date::default();
    // Who connects has something to say.
    let mut patience = site.limits.head_time;
    loop {
        match turn(&mut wire, &mut date, site, patience) {
            Ok(Next::Another) => patience = site.limits.idle,
            Ok(Next::Farewell) => return Ok(farewell(&mut wire)?),
            Ok(Next::Silence) => return Ok(wire.finish()?),
            Err(failure) => return Err(failure),
        }
    }
}

/// One request and its response.
fn turn<T: Transport>(
    wire: &mut Wire<'_, T>,
    date: &mut Date,
    site: &Site,
    patience: Duration,
) -> Result<Next, Failure> {
    wire.flush_piece()?;
    let head = match next_head(wire, patience) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(Next::Silence),
        Err(failure) => return refuse(wire, date, failure),
    };
    let mut space = Vec::with_capacity(site.limits.fields);
    let (request, body) = match read_head(&head, &mut space, &site.limits) {
        Ok(read) => read,
        Err(status) => return refuse(wire, date, status.into()),
    };
    let mut ex = Exchange::new(&request, body, wire, date);
    match site.answer(&mut ex) {
        Err(Failure::Refused(status)) => ex.refuse(status)?,
        answered => answered?,
    }
    // A body that nobody read may be in the way of the next request, but not of this response.
    let clear = ex.keeps_alive() && matches!(ex.drain(), Ok(true));
    Ok(if clear { Next::Another } else { Next::Farewell })
}

/// Waits for a request. `None`: there will be none.
fn next_head<T: Transport>(
    wire: &mut Wire<'_, T>,
    patience: Duration,
) -> Result<Option<Vec<u8>>, Failure> {
    let (mut waits, mut begun) = (false, false);
    loop {
        skip_empty_lines(wire);
        if let Some(length) = request::length(wire.unread(), wire.limits())? {
            wire.control().busy();
            let head = wire.unread()[..length].to_vec();
            wire.consume(length);
            return Ok(Some(head));
        }
        let idle = wire.unread().is_empty();
        if idle && !waits {
            wire.flush()?;
            wire.shrink();
            if !wire.control().idle(patience) {
                return Ok(None);
            }
            // Once: empty lines are no request, however many come.
            waits = true;
        } else if !idle && !begun {
            wire.control().busy();
            wire.control().read_until(Instant::now() + wire.limits().head_time)?;
            begun = true;
        }
        match wire.fill() {
            Ok(0) if idle => return Ok(None),
            Ok(0) => return Err(Status::BAD_REQUEST.into()),
            Ok(_) => {}
            Err(error) if idle && error.kind() == io::ErrorKind::TimedOut => return Ok(None),
            Err(error) => return Err(Failure::of_read(error)),
        }
    }
}

/// Some clients send an empty line behind a body.
fn skip_empty_lines<T: Transport>(wire: &mut Wire<'_, T>) {
    let ends = wire.unread().iter().take_while(|byte| b"\r\n".contains(byte)).count();
    wire.consume(ends);
}

fn read_head<'h>(
    head: &'h [u8],
    space: &'h mut Vec<Header<'h>>,
    limits: &Limits,
) -> Result<(Request<'h>, Body), Status> {
    let request = Request::parse(head, space)?;
    let framing = Framing::of(&request)?;
    let continues = |expected: &[u8]| expected.eq_ignore_ascii_case(b"100-continue");
    if !request.list("Expect").all(continues) {
        return Err(Status::EXPECTATION_FAILED);
    }
    let awaits_continue = !request.old && request.list("Expect").next().is_some();
    let body = Body::new(framing, awaits_continue, limits.body_bytes)?;
    Ok((request, body))
}

/// Answers a request that could not be read.
fn refuse<T: Transport>(
    wire: &mut Wire<'_, T>,
    date: &mut Date,
    failure: Failure,
) -> Result<Next, Failure> {
    let Failure::Refused(status) = failure else { return Err(failure) };
    Exchange::new(&Request::UNREADABLE, Body::NONE, wire, date).refuse(status)?;
    Ok(Next::Farewell)
}

/// Ends a connection so that the client gets the last response: if it were dropped while something of the
/// client's is unread, the system would tell the client to forget what it has not read yet.
fn farewell<T: Transport>(wire: &mut Wire<'_, T>) -> io::Result<()> {
    wire.finish()?;
    wire.control().read_until(Instant::now() + LINGER)?;
    let mut scratch = vec![0; 4 << 10];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match wire.read(&mut scratch)? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use crate::stand_in::StandIn;
    use crate::wire::PIECE;
    use std::path::Path;

    /// What a client hears that sends this and no more; dates left out.
    fn hear(client: StandIn) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = Files::open(folder).expect("the folder of the examples");
        let written = client.written();
        // Lost, because the client has gone: nothing to look at.
        let _ = serve(client, &Site { files, limits: Limits::default() });
        let written = written.take();
        let text = String::from_utf8_lossy(&written);
        let lines = text.split_inclusive("\r\n");
        lines.filter(|line| !line.starts_with("Date: ") && !line.starts_with("Server: ")).collect()
    }

    const ECHO: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    const ECHOED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn requests_one_behind_the_other_in_pieces_of_any_size() {
        let requests = format!("\r\n{ECHO}{ECHO}\r\n{ECHO}");
        for size in [1, 2, 7, 50, 1000] {
            let heard = hear(StandIn::new(requests.as_bytes().chunks(size)));
            assert_eq!(heard, ECHOED.repeat(3), "pieces of {size}");
        }
    }

    /// Each asks for some kilobytes in a few bytes; all of them are there at once.
    #[test]
    fn requests_sent_ahead_are_not_all_answered_in_memory() {
        let client = StandIn::new(["GET /src/body.rs HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200)]);
        let longest = client.longest_write();
        let heard = hear(client);
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 200);
        assert!(longest.get() >= PIECE, "they are gathered");
        assert!(longest.get() < 2 * PIECE, "{} bytes at once", longest.get());
    }

    #[test]
    fn a_server_that_is_to_stop_answers_what_has_begun() {
        let heard = hear(StandIn::new([ECHO, ECHO, ECHO]).stop_at(2));
        let last = ECHOED.replace("OK\r\n", "OK\r\nConnection: close\r\n");
        assert_eq!(heard, ECHOED.to_owned() + &last);
    }

    #[test]
    fn a_refusal_is_the_end() {
        let heard = hear(StandIn::new([ECHO, "nonsense\r\n\r\n", ECHO]));
        let (first, refusal) = heard.split_at(ECHOED.len());
        assert_eq!(first, ECHOED);
        assert!(refusal.starts_with("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"));
        assert!(refusal.ends_with("\r\n\r\n400 Bad Request\n"));
    }

    #[test]
    fn a_body_that_nobody_wants_is_skipped_if_it_is_small() {
        let post = |length: usize| {
            let body = "x".repeat(length);
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let heard = hear(StandIn::new([post(1000), ECHO.into()]));
        assert!(heard.starts_with("HTTP/1.1 405 "));
        assert!(heard.ends_with(ECHOED));
        let heard = hear(StandIn::new([post(1_000_000), ECHO.into()]));
        assert!(heard.starts_with("HTTP/1.1 405 "));
        assert!(!heard.contains(ECHOED));
    }

    /// Whatever a client sends: no panic, and nothing depends on how the network cuts it.
    #[test]
    fn requests_with_random_changes() {
        let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n";
        let get = "GET /Cargo.toml?a=b HTTP/1.1\r\nHost: a\r\nRange: bytes=0-4\r\n\r\n";
        let seeds = [ECHO, chunked, get, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"];
        let pieces =
            [&b"\r\n"[..], b"\n", b"\r", b" ", b"0", b"f", b":", b"%2e", b"\0", b"\xff", b", "];
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..3000 {
            let mut text = Vec::new();
            for _ in 0..=random.below(3) {
                text.extend_from_slice(seeds[random.below(seeds.len())].as_bytes());
            }
            for _ in 0..random.below(4) {
                let start = random.below(text.len());
                let end = text.len().min(start + random.below(5));
                let piece = pieces[random.below(pieces.len())];
                text.splice(start..end, piece.iter().copied());
            }
            let whole = hear(StandIn::new([&text]));
            let size = 1 + random.below(20);
            let cut = hear(StandIn::new(text.chunks(size)));
            assert_eq!(whole, cut, "pieces of {size}: {}", text.escape_ascii());
            assert!(whole.is_empty() || whole.starts_with("HTTP/1.1 "), "{}", text.escape_ascii());
        }
    }

    /// Xorshift: the same numbers each time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit.max(1) as u64) as usize
        }
    }
}
