//! Systems for which there is no driver yet: there is nothing that would ask for one.

use std::io;
use std::time::Duration;

/// There is none.
#[derive(Debug)]
pub(crate) enum Driver {}

/// There is none to be had.
pub(crate) struct Turn<'a>(&'a Driver);

impl Driver {
    /// # Errors
    /// `Unsupported`.
    pub(crate) fn new() -> io::Result<Driver> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn wake(&self) {
        match *self {}
    }

    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        match *self {}
    }

    pub(crate) fn is_free(&self) -> bool {
        match *self {}
    }

    pub(crate) fn polls(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn close(&self) {
        match *self {}
    }
}

impl Turn<'_> {
    pub(crate) fn poll(&mut self, _timeout: Option<Duration>) -> bool {
        match *self.0 {}
    }

    pub(crate) fn dispatch(self) {
        match *self.0 {}
    }
}
