//! Whether the database is still where it was opened.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::StorageError;

/// The file beside a database whose name has this more.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file, and which one it was.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Its device and number there.
    identity: Option<(u64, u64)>,
}

impl Place {
    /// The file that is at this path now.
    pub(super) fn of(path: &Path) -> Self {
        Place {
            path: path.to_path_buf(),
            identity: identity(path),
        }
    }

    pub(super) fn check(&self) -> Result<(), StorageError> {
        match identity(&self.path) {
            now if now.is_some() && now == self.identity => Ok(()),
            _ => Err(StorageError::Moved {
                path: self.path.clone(),
            }),
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
