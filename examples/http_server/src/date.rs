//! Dates as HTTP writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999, the last one that can be written.
const LAST: u64 = 253_402_300_799;

/// The date of a response, written anew when a second has passed.
#[derive(Default)]
pub(crate) struct Date {
    second: u64,
    text: String,
}

impl Date {
    pub(crate) fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = seconds(now);
        if second != self.second || self.text.is_empty() {
            *self = Date { second, text: write(now) };
        }
        &self.text
    }
}

/// Whole seconds since 1970; what was before counts as that.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Writes a date; one that HTTP cannot write becomes the next that it can.
pub(crate) fn write(time: SystemTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds(time).min(LAST)))
}

pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_out_of_range_are_written() {
        assert_eq!(write(UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        let before = UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(write(before), "Thu, 01 Jan 1970 00:00:00 GMT");
        let after = UNIX_EPOCH + Duration::from_secs(LAST + 5);
        assert_eq!(write(after), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_date_is_of_its_second() {
        let mut date = Date::default();
        let parsed = seconds(parse(date.now()).expect("what was written"));
        assert!(parsed.abs_diff(seconds(SystemTime::now())) <= 1);
        date.second = 1;
        assert_ne!(date.now(), "");
        assert_ne!(date.second, 1);
    }
}
