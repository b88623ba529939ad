//! Pollers that need no timer beside them: kqueue counts nanoseconds; Windows' has nothing better to offer than its
//! milliseconds.

use super::Descriptor;
use std::io;
use std::time::Duration;

/// There is none.
#[derive(Debug)]
pub(crate) enum WakeTimer {}

impl WakeTimer {
    /// `None`.
    pub(crate) fn new() -> io::Result<Option<WakeTimer>> {
        Ok(None)
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        match *self {}
    }

    pub(crate) fn set(&self, _time: Duration) -> io::Result<()> {
        match *self {}
    }
}
