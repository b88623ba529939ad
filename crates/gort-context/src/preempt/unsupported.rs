//! Targets without a trampoline.

use super::{Hook, Refused};
use std::ffi::c_void;
use std::io;

/// Nobody has any.
pub(super) const REGISTERS: usize = 0;

pub(super) fn on_the_way() -> [usize; 0] {
    []
}

pub(super) fn prepare(_: Hook) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "preemption in place is only there on Linux, on x86-64 and AArch64, and on x86-64 Windows",
    ))
}

pub(super) unsafe fn redirect(_: *mut c_void, _: usize) -> Result<(), Refused> {
    Err(Refused::NotPrepared)
}
