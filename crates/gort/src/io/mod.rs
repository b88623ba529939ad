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
//! | copy between sockets, pipes and files in the kernel | [`splice()`] |
//! | join two connections, as a proxy does | [`copy_both`] |
//!
//! The traits are those of [`std::io`]: what reads and writes through them works with all of these.

mod copy;
mod output;
mod pipe;
mod splice;
mod stdin;

pub use copy::copy;
pub use output::{Output, OutputLock, stderr, stdout};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use splice::{Spliced, copy_both, splice};
pub use stdin::{Stdin, StdinLock, stdin};
