//! The head of a request: its first line and header fields.
//!
//! httparse takes it apart. It is lenient in one thing that is dangerous behind another server, which may see
//! other ends of lines than we do: so [`length`] holds every line to end in CR LF.

use crate::limits::Limits;
use crate::status::Status;
use httparse::Header;
use memchr::memchr_iter;

pub(crate) struct Request<'h> {
    pub(crate) method: &'h str,
    pub(crate) target: &'h str,
    /// HTTP/1.0, which knows neither chunks nor interim responses.
    pub(crate) old: bool,
    fields: &'h [Header<'h>],
}

/// How many bytes of `input` are the head of the request that it starts with. `None`: it is not all there.
pub(crate) fn length(input: &[u8], limits: &Limits) -> Result<Option<usize>, Status> {
    // So that a client of another protocol hears at once that it is wrong here.
    if input.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
        return Err(Status::BAD_REQUEST);
    }
    let mut line = 0;
    for end in memchr_iter(b'\n', input) {
        if end == line || input[end - 1] != b'\r' {
            return Err(Status::BAD_REQUEST);
        }
        if line == 0 && end > limits.first_line_bytes {
            return Err(Status::URI_TOO_LONG);
        }
        if end >= limits.head_bytes {
            return Err(Status::HEADER_FIELDS_TOO_LARGE);
        }
        if end == line + 1 {
            return Ok(Some(end + 1));
        }
        line = end + 1;
    }
    match line {
        0 if input.len() > limits.first_line_bytes => Err(Status::URI_TOO_LONG),
        _ if input.len() > limits.head_bytes => Err(Status::HEADER_FIELDS_TOO_LARGE),
        _ => Ok(None),
    }
}

impl<'h> Request<'h> {
    /// Stands for a request that could not be read, where one is to be answered.
    pub(crate) const UNREADABLE: Request<'static> =
        Request { method: "", target: "", old: false, fields: &[] };

    /// Takes a head apart that has the given [`length`]. There may be as many fields as `space` has room for.
    pub(crate) fn parse(
        head: &'h [u8],
        space: &'h mut Vec<Header<'h>>,
    ) -> Result<Request<'h>, Status> {
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, space.spare_capacity_mut()) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Status::BAD_REQUEST),
            Err(httparse::Error::TooManyHeaders) => return Err(Status::HEADER_FIELDS_TOO_LARGE),
            Err(httparse::Error::Version) if names_a_version(head) => {
                return Err(Status::VERSION_NOT_SUPPORTED);
            }
            Err(_) => return Err(Status::BAD_REQUEST),
        }
        let (Some(method), Some(target), Some(minor)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Status::BAD_REQUEST);
        };
        let request = Request { method, target, old: minor == 0, fields: parsed.headers };
        request.check_host()?;
        Ok(request)
    }

    /// A request of HTTP/1.1 names its host, once.
    fn check_host(&self) -> Result<(), Status> {
        let mut hosts = self.fields("Host");
        match (hosts.next(), hosts.next()) {
            (None, _) if self.old => Ok(()),
            (Some(host), None) if host.iter().all(|byte| names_host(*byte)) => Ok(()),
            _ => Err(Status::BAD_REQUEST),
        }
    }

    pub(crate) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'h [u8]> + 'a {
        let named = move |field: &&Header<'h>| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|field| field.value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields(name).next().is_some()
    }

    /// The value of the first field of that name, if it is text.
    pub(crate) fn field(&self, name: &str) -> Option<&'h str> {
        self.fields(name).next().and_then(|value| str::from_utf8(value).ok())
    }

    /// What the fields of that name list, separated by commas, without the space around.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'h [u8]> + 'a {
        self.fields(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|item| !item.is_empty())
    }

    /// Whether the client means to send another request on this connection.
    pub(crate) fn keeps_alive(&self) -> bool {
        let says = |option: &str| {
            self.list("Connection").any(|item| item.eq_ignore_ascii_case(option.as_bytes()))
        };
        !says("close") && (!self.old || says("keep-alive"))
    }
}

fn names_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Whether the first line is one, but for a version that is not spoken here.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    matches!(
        (words.next(), words.next()),
        (Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None)
            if major.is_ascii_digit() && minor.is_ascii_digit()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<R>(head: &str, look: impl FnOnce(Result<Request<'_>, Status>) -> R) -> R {
        let limits = Limits::default();
        let mut space = Vec::with_capacity(limits.fields);
        look(match length(head.as_bytes(), &limits) {
            Ok(Some(length)) => Request::parse(&head.as_bytes()[..length], &mut space),
            Ok(None) => panic!("{head:?} is not all there"),
            Err(status) => Err(status),
        })
    }

    #[test]
    fn a_request_is_taken_apart() {
        let head = "GET /a?b HTTP/1.1\r\nHost: there\r\nAccept: x\r\naccept:  y , ,z \r\n\r\nmore";
        with(head, |request| {
            let request = request.expect("a good request");
            assert_eq!((request.method, request.target, request.old), ("GET", "/a?b", false));
            assert_eq!(request.field("HOST"), Some("there"));
            assert_eq!(request.field("None"), None);
            let list: Vec<&[u8]> = request.list("Accept").collect();
            assert_eq!(list, [b"x", b"y", b"z"]);
        });
    }

    #[test]
    fn bad_heads_are_refused() {
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", Status::BAD_REQUEST),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET /\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/x\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Status::VERSION_NOT_SUPPORTED),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Status::VERSION_NOT_SUPPORTED),
            ("PRI * HTTP/2.0\r\n\r\n", Status::VERSION_NOT_SUPPORTED),
            ("\x16\x03\x01\x02", Status::BAD_REQUEST),
        ] {
            assert_eq!(with(head, |request| request.err()), Some(status), "{head:?}");
        }
    }

    #[test]
    fn heads_have_limits() {
        let limits = Limits::default();
        let first = "GET /".to_owned() + &"a".repeat(limits.first_line_bytes);
        assert_eq!(length(first.as_bytes(), &limits), Err(Status::URI_TOO_LONG));
        let whole = first + " HTTP/1.1\r\n\r\n";
        assert_eq!(length(whole.as_bytes(), &limits), Err(Status::URI_TOO_LONG));
        let long = "GET / HTTP/1.1\r\nX: ".to_owned() + &"a".repeat(limits.head_bytes);
        assert_eq!(length(long.as_bytes(), &limits), Err(Status::HEADER_FIELDS_TOO_LARGE));
        let whole = long + "\r\n\r\n";
        assert_eq!(length(whole.as_bytes(), &limits), Err(Status::HEADER_FIELDS_TOO_LARGE));
        let fields =
            |number| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(number));
        assert_eq!(with(&fields(99), |request| request.err()), None);
        let refused = with(&fields(100), |request| request.err());
        assert_eq!(refused, Some(Status::HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn a_head_is_waited_for_until_its_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(length(&head[..end], &Limits::default()), Ok(None));
        }
        assert_eq!(length(head, &Limits::default()), Ok(Some(head.len())));
    }

    #[test]
    fn who_keeps_a_connection() {
        for (version, option, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: Close\r\n", false),
            ("1.1", "Connection: x, close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{option}\r\n");
            let keeps = with(&head, |request| request.map(|request| request.keeps_alive()));
            assert_eq!(keeps, Ok(kept), "{version} {option}");
        }
    }
}
