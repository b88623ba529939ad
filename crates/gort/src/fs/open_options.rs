//! How a file is opened.

use super::File;
use crate::blocking;
use std::io;
use std::path::Path;

/// How to open a file, like [`std::fs::OpenOptions`].
///
/// ```
/// use gort::fs::OpenOptions;
/// use std::io::Write;
///
/// # let path = std::env::temp_dir().join(format!("gort-options-{}", std::process::id()));
/// let mut log = OpenOptions::new().append(true).create(true).open(&path)?;
/// writeln!(log, "started")?;
/// # gort::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
///
/// For what std's can do besides (`mode`, `custom_flags`), make one of these from it.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
}

impl OpenOptions {
    /// Nothing is set.
    #[expect(clippy::new_without_default, reason = "as with std's")]
    pub fn new() -> OpenOptions {
        OpenOptions { options: std::fs::OpenOptions::new() }
    }

    /// To read from it.
    pub fn read(&mut self, on: bool) -> &mut OpenOptions {
        self.options.read(on);
        self
    }

    /// To write to it.
    pub fn write(&mut self, on: bool) -> &mut OpenOptions {
        self.options.write(on);
        self
    }

    /// To write to its end, wherever that is then.
    pub fn append(&mut self, on: bool) -> &mut OpenOptions {
        self.options.append(on);
        self
    }

    /// Empties it.
    pub fn truncate(&mut self, on: bool) -> &mut OpenOptions {
        self.options.truncate(on);
        self
    }

    /// Makes it if it is not there.
    pub fn create(&mut self, on: bool) -> &mut OpenOptions {
        self.options.create(on);
        self
    }

    /// Makes it, and fails if it is there.
    pub fn create_new(&mut self, on: bool) -> &mut OpenOptions {
        self.options.create_new(on);
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for options that exclude each other.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| self.options.open(path)).map(File::from)
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { options }
    }
}
