//! Which part of a document is asked for.

use std::ops::Range;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Whole,
    Bytes(Range<u64>),
    /// None of what is asked for is there.
    Nothing,
}

impl Part {
    /// Reads a `Range` field. What is not understood is ignored, as HTTP wants it, and so are several ranges at once,
    /// which may be.
    pub(crate) fn of(range: &str, length: u64) -> Part {
        let asked = range.split_once('=').filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
        let Some((first, last)) = asked.and_then(|(_, range)| range.trim().split_once('-')) else {
            return Part::Whole;
        };
        let bytes = match (number(first), number(last)) {
            // So many of the last.
            (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
            (Some(first), None) if last.is_empty() => first..length,
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Part::Whole,
        };
        if bytes.is_empty() { Part::Nothing } else { Part::Bytes(bytes) }
    }
}

/// A number too large to be kept is larger than any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, part) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("Bytes=2-4", Part::Bytes(2..5)),
            ("bytes=2-", Part::Bytes(2..10)),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-30", Part::Bytes(0..10)),
            ("bytes=9-99", Part::Bytes(9..10)),
            ("bytes=0-18446744073709551615", Part::Bytes(0..10)),
            ("bytes=0-99999999999999999999", Part::Bytes(0..10)),
            ("bytes=10-", Part::Nothing),
            ("bytes=10-12", Part::Nothing),
            ("bytes=99999999999999999999-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=4-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=--1", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(Part::of(range, 10), part, "{range}");
        }
        assert_eq!(Part::of("bytes=0-", 0), Part::Nothing);
        assert_eq!(Part::of("bytes=-5", 0), Part::Nothing);
    }
}
