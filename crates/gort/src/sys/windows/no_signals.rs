//! Systems without signals, or with those that nobody here handles.

use std::ffi::c_void;
use std::io;

/// Who would use signals.
pub(crate) struct User {
    /// For messages.
    pub(crate) purpose: &'static str,
    /// Never called.
    pub(crate) on_signal: unsafe fn(i32, *mut c_void) -> bool,
}

/// # Errors
/// `Unsupported`.
pub(crate) fn install_for_good(_signal: i32, user: &'static User) -> io::Result<()> {
    let message = format!("{}: there are no signals for it on this system", user.purpose);
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
