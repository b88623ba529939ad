//! What is in a folder.

use crate::blocking;
use std::fs::DirEntry;
use std::io;
use std::path::Path;

/// What is in a folder, in no order; as [`std::fs::read_dir`].
///
/// ```
/// for entry in gort::fs::read_dir(".")? {
///     let entry = entry?;
///     println!("{}", entry.path().display());
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's, if it is no folder, or may not be read.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    blocking(|| std::fs::read_dir(path)).map(|entries| ReadDir { entries })
}

/// The entries of a folder, from [`read_dir`].
///
/// The entries are std's, whose `file_type` costs nothing on most file systems; their `metadata` is a call that may wait,
/// as [`metadata`](super::metadata) is.
///
/// ```
/// let entries = gort::fs::read_dir(".")?;
/// let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
/// let names: Vec<_> = names.collect::<Result<_, _>>()?;
/// assert!(names.iter().any(|name| name == "Cargo.toml"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct ReadDir {
    entries: std::fs::ReadDir,
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    /// The system is asked for many at a time, so this rarely waits; but one cannot tell when.
    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        blocking(|| self.entries.next())
    }
}
