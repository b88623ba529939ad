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
    ///
    /// ```
    /// use gort::fs::{self, OpenOptions};
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-append-{}", std::process::id()));
    /// let mut options = OpenOptions::new();
    /// options.append(true).create(true);
    /// let (mut one, mut other) = (options.open(&path)?, options.open(&path)?);
    /// one.write_all(b"one ")?;
    /// other.write_all(b"other ")?; // not over what the first has written
    /// one.write_all(b"one")?;
    /// assert_eq!(fs::read_to_string(&path)?, "one other one");
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
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
    ///
    /// ```
    /// use gort::fs::{self, OpenOptions};
    /// use std::io::{ErrorKind, Write};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-make-{}", std::process::id()));
    /// let error = OpenOptions::new().write(true).open(&path).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// let mut options = OpenOptions::new();
    /// options.write(true).create(true);
    /// options.open(&path)?.write_all(b"hello")?;
    /// options.open(&path)?.write_all(b"J")?; // it is not emptied
    /// assert_eq!(fs::read(&path)?, b"Jello");
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use gort::fs::OpenOptions;
    /// use std::io::ErrorKind;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-exclude-{}", std::process::id()));
    /// let error = OpenOptions::new().read(true).truncate(true).open(&path).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput); // who empties a file writes to it
    /// ```
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
