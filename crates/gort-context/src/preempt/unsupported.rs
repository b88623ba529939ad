//! Targets without a trampoline.

use super::Refused;
use std::ffi::c_void;
use std::io;

pub(super) fn prepare(_: extern "C" fn()) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "preemption in place is only there on Linux, on x86-64 and AArch64, and on x86-64 Windows",
    ))
}

pub(super) unsafe fn redirect(_: *mut c_void, _: usize) -> Result<(), Refused> {
    Err(Refused::NotPrepared)
}
