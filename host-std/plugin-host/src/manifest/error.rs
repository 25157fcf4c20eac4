//! What is wrong with a manifest, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A manifest that is refused.
#[derive(Debug)]
pub struct ManifestError {
    file: PathBuf,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    what: String,
}

impl ManifestError {
    pub(super) fn none_in(folder: &Path) -> Self {
        let what = match folder.is_dir() {
            true => "there is neither a plugin.toml nor a plugin.json in this folder",
            false => "there is no such folder",
        };
        ManifestError {
            file: folder.to_path_buf(),
            place: None,
            what: what.to_owned(),
        }
    }

    pub(super) fn unreadable(file: &Path, cause: &io::Error) -> Self {
        ManifestError {
            file: file.to_path_buf(),
            place: None,
            what: format!("it cannot be read: {cause}"),
        }
    }

    /// Of a value: its key, what it is, and what is allowed.
    pub(super) fn value(
        file: &Path,
        place: Option<(usize, usize)>,
        key: &str,
        value: &str,
        allowed: &str,
    ) -> Self {
        ManifestError {
            file: file.to_path_buf(),
            place,
            what: format!("{key} is {value}; allowed is {allowed}"),
        }
    }

    pub(super) fn syntax(file: &Path, place: (usize, usize), what: &str) -> Self {
        ManifestError {
            file: file.to_path_buf(),
            place: Some(place),
            what: what.trim_end().replace('\n', ", "),
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for ManifestError {}

/// A manifest's text, to say where in it something is wrong.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    pub(super) fn refuse(&self, span: &Range<usize>, key: &str, value: &str, allowed: &str) -> ManifestError {
        ManifestError::value(self.file, Some(self.place(span.start)), key, value, allowed)
    }
}
