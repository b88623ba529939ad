//! Where the body of a request ends, by its header fields.
//!
//! Two servers that see a request end in different places can be made to answer a request that only one of
//! them saw ("smuggling"). Whatever can be read in two ways is refused.

use crate::request::Request;
use crate::status::Status;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// The request says nothing of a body, so it has none.
    Absent,
    Length(u64),
    Chunked,
}

impl Framing {
    pub(crate) fn of(request: &Request<'_>) -> Result<Framing, Status> {
        let mut lengths = request.fields("Content-Length");
        let length = lengths.next();
        if request.has("Transfer-Encoding") {
            return match length {
                None if !request.old => codings(request),
                _ => Err(Status::BAD_REQUEST),
            };
        }
        match (length, lengths.next()) {
            (None, _) => Ok(Framing::Absent),
            (Some(length), None) => parse_length(length).map(Framing::Length),
            // Even if they are the same.
            (Some(_), Some(_)) => Err(Status::BAD_REQUEST),
        }
    }
}

/// Chunks are the one coding that is known here, and they have to be the last one.
fn codings(request: &Request<'_>) -> Result<Framing, Status> {
    let chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings: Vec<&[u8]> = request.list("Transfer-Encoding").collect();
    match &codings[..] {
        [only] if chunked(only) => Ok(Framing::Chunked),
        [others @ .., last] if chunked(last) && !others.iter().any(|other| chunked(other)) => {
            Err(Status::NOT_IMPLEMENTED)
        }
        _ => Err(Status::BAD_REQUEST),
    }
}

fn parse_length(value: &[u8]) -> Result<u64, Status> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Status::BAD_REQUEST);
    }
    // Digits alone: what does not fit is too large.
    str::from_utf8(value).unwrap_or_default().parse().map_err(|_| Status::CONTENT_TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(version: &str, fields: &str) -> Result<Framing, Status> {
        let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let mut space = Vec::with_capacity(10);
        Framing::of(&Request::parse(head.as_bytes(), &mut space).expect("a good head"))
    }

    #[test]
    fn one_length_or_chunks() {
        let bad = Err(Status::BAD_REQUEST);
        for (fields, expected) in [
            ("", Ok(Framing::Absent)),
            ("Content-Length: 0\r\n", Ok(Framing::Length(0))),
            ("content-length: 0042 \r\n", Ok(Framing::Length(42))),
            ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: , Chunked\r\n", Ok(Framing::Chunked)),
            ("Content-Length: 1\r\nContent-Length: 2\r\n", bad),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", bad),
            ("Content-Length: 1, 1\r\n", bad),
            ("Content-Length: +1\r\n", bad),
            ("Content-Length: -1\r\n", bad),
            ("Content-Length: 0x1\r\n", bad),
            ("Content-Length: 1 2\r\n", bad),
            ("Content-Length:\r\n", bad),
            ("Content-Length: 99999999999999999999\r\n", Err(Status::CONTENT_TOO_LARGE)),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", bad),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", bad),
            ("Transfer-Encoding: chunked, chunked\r\n", bad),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", bad),
            ("Transfer-Encoding: chunked, gzip\r\n", bad),
            ("Transfer-Encoding: gzip\r\n", bad),
            ("Transfer-Encoding: xchunked\r\n", bad),
            ("Transfer-Encoding:\r\n", bad),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(Status::NOT_IMPLEMENTED)),
        ] {
            assert_eq!(framing("1.1", fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn chunks_are_not_for_http_1_0() {
        assert_eq!(framing("1.0", "Content-Length: 3\r\n"), Ok(Framing::Length(3)));
        let chunked = framing("1.0", "Transfer-Encoding: chunked\r\n");
        assert_eq!(chunked, Err(Status::BAD_REQUEST));
    }
}
