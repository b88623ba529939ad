//! How a folder is made.

use crate::blocking;
use std::io;
use std::path::Path;

/// How to make a folder, like [`std::fs::DirBuilder`].
///
/// ```
/// use gort::fs::{self, DirBuilder};
///
/// # let folder = std::env::temp_dir().join(format!("gort-dir-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).create(folder.join("a/b"))?;
/// assert!(fs::metadata(folder.join("a/b"))?.is_dir());
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// For what std's can do besides (`mode`), make one of these from it:
///
/// ```
/// use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
///
/// # let folder = std::env::temp_dir().join(format!("gort-dir-mode-{}", std::process::id()));
/// let mut private = std::fs::DirBuilder::new();
/// private.mode(0o700);
/// gort::fs::DirBuilder::from(private).create(&folder)?;
/// assert_eq!(gort::fs::metadata(&folder)?.permissions().mode() & 0o777, 0o700);
/// # gort::fs::remove_dir(&folder)?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct DirBuilder {
    builder: std::fs::DirBuilder,
}

impl DirBuilder {
    /// Of one folder, with the permissions that are usual.
    #[expect(clippy::new_without_default, reason = "as with std's")]
    pub fn new() -> DirBuilder {
        DirBuilder { builder: std::fs::DirBuilder::new() }
    }

    /// Those that it is in as well, where they are missing; it may then be there itself.
    pub fn recursive(&mut self, on: bool) -> &mut DirBuilder {
        self.builder.recursive(on);
        self
    }

    /// Makes a folder.
    ///
    /// ```
    /// use gort::fs::{self, DirBuilder};
    /// use std::io::ErrorKind;
    ///
    /// # let folder = std::env::temp_dir().join(format!("gort-dir-create-{}", std::process::id()));
    /// DirBuilder::new().create(&folder)?;
    /// assert_eq!(DirBuilder::new().create(&folder).unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// DirBuilder::new().recursive(true).create(&folder)?; // is content with that
    /// # fs::remove_dir(&folder)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's; `AlreadyExists` if there is something of that name, unless it is a folder and this is
    /// [recursive](Self::recursive).
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        blocking(|| self.builder.create(path))
    }
}

impl From<std::fs::DirBuilder> for DirBuilder {
    fn from(builder: std::fs::DirBuilder) -> DirBuilder {
        DirBuilder { builder }
    }
}
