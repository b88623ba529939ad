//! Other processes: started, waited for, talked to, without holding a processor. After [`std::process`].
//!
//! ```
//! use gort::process::{Command, Stdio};
//! use std::io::{Read, Write};
//!
//! # gort::run(|| {
//! let mut child = Command::new("tr").args(["a-z", "A-Z"])
//!     .stdin(Stdio::piped())
//!     .stdout(Stdio::piped())
//!     .spawn()?;
//! child.stdin.take().unwrap().write_all(b"hello")?; // dropped afterwards, so that `tr` sees the end
//! let mut text = String::new();
//! child.stdout.take().unwrap().read_to_string(&mut text)?; // others run meanwhile
//! assert_eq!(text, "HELLO");
//! assert!(child.wait()?.success());
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! A [`Command`] is told what to start, and how; it starts it, or does so and [waits](Command::status), or reads what it
//! [writes](Command::output) as well. A [`Child`] is a process that was started. What else there is in `std::process` that concerns
//! this process (`exit`, `abort`, `id`) is used from there.
//!
//! # How a process is waited for
//! On Linux by a descriptor that stands for the process (`pidfd`, from Linux 5.3 on) and is polled like a socket; so ten
//! thousand processes can be waited for without a thread for any. Where there are none, or no more descriptors, whoever waits
//! is woken by `SIGCHLD`, through [`signal`](crate::signal), and looks; so it is on macOS. On Windows a thread of the system waits for many at
//! once, and calls.
//!
//! The streams of a process are [pipes](crate::io::pipe()), with what that says of Windows: a thread for each that is waited for.
//!
//! # Where, and for how long
//! All of it may be used from goroutines of any runtime, and from plain threads, which it blocks. A wait can have a
//! [time](Child::wait_timeout), a [deadline](Child::wait_deadline) or a [context](Child::wait_context) as its limit; one that is not over
//! when its runtime is [shut down](crate::Runtime::shutdown) is unwound, and the child goes on.
//!
//! # What is left behind
//! A child that is dropped goes on, as with std, but no zombie is left of it for long: it is waited for when other
//! children are started or dropped.

mod child;
mod command;
mod orphans;
mod wait;

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
