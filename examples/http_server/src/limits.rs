//! What one client may ask of the server, so that it cannot take what is there for all.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Each has an option of its own name on the command line, but those that say otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at once; one more is told so (503) and closed.
    pub(crate) connections: usize,
    /// Of them, those from one address.
    pub(crate) per_address: usize,
    /// The first line of a request. No option.
    pub(crate) first_line_bytes: usize,
    /// A request up to its body; also what may be in a chunked body beside the data.
    pub(crate) head_bytes: usize,
    /// Header fields of a request.
    pub(crate) fields: usize,
    pub(crate) body_bytes: u64,
    /// How long a connection may be without a request.
    pub(crate) idle: Duration,
    /// How long a request may take to arrive up to its body; a TLS handshake, too.
    pub(crate) head_time: Duration,
    /// What a body, or the reader of a response, may be late beyond what `rate` allows.
    pub(crate) grace: Duration,
    /// Bytes a second that a client has to send of a body, and to take of a response.
    pub(crate) rate: NonZeroU32,
    /// How long requests that are being answered may go on when the server is to stop.
    pub(crate) stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            per_address: 1_000,
            first_line_bytes: 8 << 10,
            head_bytes: 16 << 10,
            fields: 100,
            body_bytes: 64 << 20,
            idle: Duration::from_secs(60),
            head_time: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            rate: NonZeroU32::new(1 << 10).expect("it is not zero"),
            stop_time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// When `bytes` bytes have to be there that a client began to send, or to take, at `start`.
    pub(crate) fn pace(&self, start: Instant, bytes: u64) -> Instant {
        start + self.patience(bytes)
    }

    /// How long that may take.
    pub(crate) fn patience(&self, bytes: u64) -> Duration {
        self.grace + Duration::from_secs(bytes / u64::from(self.rate.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_has_grace_and_then_time_for_each_byte() {
        let rate = NonZeroU32::new(100).expect("it is not zero");
        let limits = Limits { grace: Duration::from_secs(3), rate, ..Limits::default() };
        let start = Instant::now();
        assert_eq!(limits.pace(start, 0), start + Duration::from_secs(3));
        assert_eq!(limits.pace(start, 1000), start + Duration::from_secs(13));
    }
}
