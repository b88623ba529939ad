//! Conditions that a request puts on the version of what it asks for.

use crate::date;
use crate::document::Version;
use crate::request::Request;
use std::time::SystemTime;

#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// In the order of precedence that HTTP sets: tags before dates.
pub(crate) fn check(request: &Request<'_>, version: &Version) -> Verdict {
    if request.has("If-Match") {
        if !lists(request, "If-Match", |tag| tag == version.tag.as_bytes()) {
            return Verdict::Failed;
        }
    } else if let Some(since) = date(request, "If-Unmodified-Since")
        && is_newer(version, since)
    {
        return Verdict::Failed;
    }
    if request.has("If-None-Match") {
        let weakly = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag) == version.tag.as_bytes();
        if lists(request, "If-None-Match", weakly) {
            return Verdict::NotModified;
        }
    } else if let Some(since) = date(request, "If-Modified-Since")
        && !is_newer(version, since)
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a range that is asked for is one of this version; if not, all of it is to be sent.
pub(crate) fn range_is_of(request: &Request<'_>, version: &Version) -> bool {
    match request.field("If-Range") {
        None => !request.has("If-Range"),
        Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => tag == version.tag,
        Some(date) => date::parse(date)
            .is_some_and(|date| date::seconds(date) == date::seconds(version.modified)),
    }
}

fn lists(request: &Request<'_>, name: &str, is_it: impl Fn(&[u8]) -> bool) -> bool {
    request.list(name).any(|tag| tag == b"*" || is_it(tag))
}

/// A date that cannot be read is as good as none.
fn date(request: &Request<'_>, name: &str) -> Option<SystemTime> {
    request.field(name).and_then(date::parse)
}

/// A date of HTTP has whole seconds.
fn is_newer(version: &Version, since: SystemTime) -> bool {
    date::seconds(version.modified) > date::seconds(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn with<R>(fields: &str, look: impl FnOnce(&Request<'_>, &Version) -> R) -> R {
        // Sun, 09 Sep 2001 01:46:40.5 GMT
        let modified = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        let version = Version { modified, tag: "\"this\"".into() };
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut space = Vec::with_capacity(10);
        look(&Request::parse(head.as_bytes(), &mut space).expect("a good head"), &version)
    }

    #[test]
    fn conditions() {
        for (fields, verdict) in [
            ("", Verdict::Proceed),
            ("If-None-Match: \"this\"\r\n", Verdict::NotModified),
            ("If-None-Match: \"other\", W/\"this\"\r\n", Verdict::NotModified),
            ("If-None-Match: \"other\"\r\nIf-None-Match: \"this\"\r\n", Verdict::NotModified),
            ("If-None-Match: *\r\n", Verdict::NotModified),
            ("If-None-Match: \"other\"\r\n", Verdict::Proceed),
            ("If-None-Match: this\r\n", Verdict::Proceed),
            ("If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n", Verdict::NotModified),
            ("If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n", Verdict::Proceed),
            ("If-Modified-Since: yesterday\r\n", Verdict::Proceed),
            (
                "If-None-Match: \"other\"\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n",
                Verdict::Proceed,
            ),
            ("If-Match: \"this\"\r\n", Verdict::Proceed),
            ("If-Match: *\r\n", Verdict::Proceed),
            ("If-Match: W/\"this\"\r\n", Verdict::Failed),
            ("If-Match: \"other\"\r\n", Verdict::Failed),
            ("If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n", Verdict::Proceed),
            ("If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n", Verdict::Failed),
        ] {
            assert_eq!(with(fields, check), verdict, "{fields}");
        }
    }

    #[test]
    fn ranges_of_another_version() {
        for (fields, of_this) in [
            ("", true),
            ("If-Range: \"this\"\r\n", true),
            ("If-Range: W/\"this\"\r\n", false),
            ("If-Range: \"other\"\r\n", false),
            ("If-Range: Sun, 09 Sep 2001 01:46:40 GMT\r\n", true),
            ("If-Range: Sun, 09 Sep 2001 01:46:41 GMT\r\n", false),
            ("If-Range: nonsense\r\n", false),
            ("If-Range: Wednesday\r\n", false),
        ] {
            assert_eq!(with(fields, range_is_of), of_this, "{fields}");
        }
        // A date may begin as a weak tag does.
        let modified = UNIX_EPOCH + Duration::from_secs(1_000_252_800);
        let version = Version { modified, tag: "\"this\"".into() };
        let head = "GET / HTTP/1.1\r\nHost: a\r\nIf-Range: Wed, 12 Sep 2001 00:00:00 GMT\r\n\r\n";
        let mut space = Vec::with_capacity(10);
        let request = Request::parse(head.as_bytes(), &mut space).expect("a good head");
        assert!(range_is_of(&request, &version));
    }
}
