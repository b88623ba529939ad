//! Numbers to text and back, as clients see them.

use std::ops::Range;

/// The whole of `text` as a number, in the one way to write it: no plus, no zeros in front.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Downwards, as there is one more below zero than above.
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Writes `value` to the end of `buffer`, which holds any. Returns where it is.
pub(crate) fn format(value: i64, buffer: &mut [u8; 20]) -> Range<usize> {
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    at..buffer.len()
}

/// A number of a sorted set. An infinite one is a number, too, if it is called so; one that is too large is none.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let is_too_large = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    (!value.is_nan() && !is_too_large).then_some(value)
}

/// The shortest text that reads as this number again.
pub(crate) fn format_double(value: f64) -> String {
    let exponent = value.abs().log10();
    if value.is_finite() && value != 0.0 && !(-5.0..17.0).contains(&exponent) {
        let text = format!("{value:e}");
        return if exponent > 0.0 { text.replace('e', "e+") } else { text };
    }
    value.to_string()
}

/// Numbers that nobody needs to predict: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// One of `0..end`, which is not empty.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * end as u128) >> 64) as usize
    }
}
