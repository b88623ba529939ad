//! What the runtime has to say on standard error.

use std::fmt;
use std::io::{self, Write};

/// Writes a line to standard error, at once: std's panic hook, which other goroutines may be in, heeds no lock.
///
/// If nobody reads there any more nobody is told, and things go on. `eprintln!` would panic, in the midst of the scheduler.
pub(crate) fn tell(message: fmt::Arguments<'_>) {
    let line = format!("gort: {message}\n");
    let _nobody_reads = io::stderr().write_all(line.as_bytes());
}

/// Says why nothing can go on, and ends the process. A panic would end a thread of the runtime, or the goroutine that
/// happens to run on it, and all others would wait for ever.
#[cold]
pub(crate) fn abort(why: fmt::Arguments<'_>) -> ! {
    tell(why);
    std::process::abort()
}
