//! What a request is for: the path and the query in its first line.

use crate::status::Status;
use std::borrow::Cow;

#[derive(Debug)]
pub(crate) struct Target<'t> {
    /// As it came, with a slash at the start.
    pub(crate) path: &'t str,
    query: &'t str,
}

impl<'t> Target<'t> {
    /// `/path?query`, or the same behind a scheme and a host, as proxies get it.
    pub(crate) fn parse(target: &'t str) -> Result<Target<'t>, Status> {
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Status::BAD_REQUEST);
        }
        let of_host =
            |scheme: &str| ["http", "https"].iter().any(|s| s.eq_ignore_ascii_case(scheme));
        let origin = match target.split_once("://") {
            Some((scheme, rest)) if of_host(scheme) => {
                rest.find(['/', '?']).map_or("/", |end| &rest[end..])
            }
            _ => target,
        };
        let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
        match path {
            "" if origin.len() < target.len() => Ok(Target { path: "/", query }),
            _ if path.starts_with('/') => Ok(Target { path, query }),
            _ => Err(Status::BAD_REQUEST),
        }
    }

    /// The number that the query gives for this name, if it is there.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Status> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.parse().map_err(|_| Status::BAD_REQUEST))
            .transpose()
    }

    /// The path of a file, below the folder that is served. One that leads out of it is refused; names with
    /// a dot at their start are hidden, and paths are written in one way only.
    pub(crate) fn file(&self) -> Result<Cow<'t, [u8]>, Status> {
        let path = decode(&self.path[1..])?;
        let mut names = path.split(|byte| *byte == b'/').peekable();
        while let Some(name) = names.next() {
            match name {
                b"." | b".." => return Err(Status::BAD_REQUEST),
                [b'.', ..] => return Err(Status::NOT_FOUND),
                // What ends in a slash is a folder.
                b"" if names.peek().is_some() => return Err(Status::NOT_FOUND),
                _ if name.contains(&0) => return Err(Status::BAD_REQUEST),
                _ => {}
            }
        }
        Ok(path)
    }
}

/// Puts in what `%` and two digits stand for. No slash: that would be part of a name.
fn decode(text: &str) -> Result<Cow<'_, [u8]>, Status> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let (Some(high), Some(low)) = (high, low) else { return Err(Status::BAD_REQUEST) };
                match (high * 16 + low) as u8 {
                    b'/' => return Err(Status::NOT_FOUND),
                    byte => byte,
                }
            }
            _ => byte,
        });
    }
    Ok(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_target() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/a/b?c=d?e", "/a/b", "c=d?e"),
            ("http://host", "/", ""),
            ("HTTPS://host:1/a?b", "/a", "b"),
            ("http://host?b", "/", "b"),
            ("/http://host/a", "/http://host/a", ""),
        ] {
            let parsed = Target::parse(target).expect(target);
            assert_eq!((parsed.path, parsed.query), (path, query), "{target}");
        }
        for target in ["", "*", "a", "?a", "ftp://host/", "/a#b", "/a b", "/\x7f", "/\u{e9}"] {
            assert_eq!(Target::parse(target).err(), Some(Status::BAD_REQUEST), "{target}");
        }
    }

    #[test]
    fn files_are_below_the_folder() {
        for (target, file) in [
            ("/", &b""[..]),
            ("/a/b", b"a/b"),
            ("/a/", b"a/"),
            ("/a..b/c...", b"a..b/c..."),
            ("/caf%c3%A9%20x%25", b"caf\xc3\xa9 x%"),
            ("/\\..\\a", b"\\..\\a"),
        ] {
            let parsed = Target::parse(target).expect(target);
            assert_eq!(parsed.file().expect(target), file, "{target}");
        }
        for (target, status) in [
            ("/..", Status::BAD_REQUEST),
            ("/../etc/passwd", Status::BAD_REQUEST),
            ("/a/../../b", Status::BAD_REQUEST),
            ("/%2e%2e/b", Status::BAD_REQUEST),
            ("/.%2E/b", Status::BAD_REQUEST),
            ("/./b", Status::BAD_REQUEST),
            ("/a%00", Status::BAD_REQUEST),
            ("/a%", Status::BAD_REQUEST),
            ("/a%2", Status::BAD_REQUEST),
            ("/a%+1", Status::BAD_REQUEST),
            ("/..%2fb", Status::NOT_FOUND),
            ("//etc/passwd", Status::NOT_FOUND),
            ("/a//b", Status::NOT_FOUND),
            ("/.git/config", Status::NOT_FOUND),
            ("/a/.b", Status::NOT_FOUND),
        ] {
            let parsed = Target::parse(target).expect(target);
            assert_eq!(parsed.file().err(), Some(status), "{target}");
        }
    }

    #[test]
    fn numbers_of_a_query() {
        let target = Target::parse("/slow?lines=3&ms=x&empty=").expect("a target");
        assert_eq!(target.number("lines"), Ok(Some(3)));
        assert_eq!(target.number("other"), Ok(None));
        assert_eq!(target.number("ms"), Err(Status::BAD_REQUEST));
        assert_eq!(target.number("empty"), Err(Status::BAD_REQUEST));
    }
}
