//! Pipes, the process's own streams, and copying, with waits that park the goroutine and not the thread.
//!
//! ```
//! use gort::io;
//! use std::io::{BufRead, BufReader, Write};
//!
//! # gort::run(|| {
//! let (reader, mut writer) = io::pipe()?;
//! gort::go!(move || writeln!(writer, "hello").unwrap());
//! let line = BufReader::new(reader).lines().next().unwrap()?; // others run meanwhile
//! assert_eq!(line, "hello");
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! | to | use |
//! |---|---|
//! | pass bytes to another process, or within this one | [`pipe()`] |
//! | read what is typed, or piped into the program | [`stdin()`] |
//! | write where that may wait | [`stdout`], [`stderr`] |
//! | copy from anything to anything | [`copy()`] |
//! | copy between sockets, pipes and files that are shared (on Unix) | `splice` |
//! | join two connections, as a proxy does (on Unix) | `copy_both` |
//!
//! On Windows nothing tells whether a pipe or standard input can be read without waiting. There a thread waits, as with
//! [`blocking`](crate::blocking()), and a wait has no end but what comes: time-outs and deadlines are refused.
//!
//! The traits are those of [`std::io`]: what reads and writes through them works with all of these.
//!
//! All of it may be used from goroutines of any runtime, and from plain threads, which it blocks. What is said of
//! [reads and writes](crate::net#reading-and-writing) and of [limits](crate::net#how-long-to-wait) for sockets goes for pipes, too;
//! [`is_closed`](crate::net::is_closed) tells of pipes that were closed.

mod copy;
mod output;
mod pipe;
mod stdin;
#[cfg(unix)]
#[path = "unix/mod.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

pub use copy::copy;
pub use output::{Output, OutputLock, stderr, stdout};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use stdin::{Stdin, StdinLock, stdin};
#[cfg(unix)]
pub use system::{Spliced, copy_both, splice};

/// What waits for a pipe or standard input.
use system::Source;
