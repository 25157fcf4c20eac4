//! The certificates of the runtimes that this user has connected to: trusted since they were seen first.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file with a line for each runtime: its address and the fingerprint of its certificate.
///
/// Lines that begin with `#` are passed over. Whoever wants to trust a runtime before the first contact writes the
/// line that its log shows.
#[derive(Debug, Clone)]
pub struct Known(PathBuf);

impl Known {
    /// The user's: `core-runtime/known_runtimes` in `$XDG_STATE_HOME`, or in `.local/state` of the home folder.
    ///
    /// # Errors
    /// When neither `XDG_STATE_HOME` nor `HOME` says where that is.
    pub fn of_user() -> io::Result<Known> {
        let folder = |name| {
            std::env::var_os(name)
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from)
        };
        let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
        let state = state.ok_or_else(|| {
            io::Error::other(
                "neither XDG_STATE_HOME nor HOME is set: there is no place to keep its certificate",
            )
        })?;
        Ok(Known(state.join("core-runtime/known_runtimes")))
    }

    /// The one in this file.
    pub fn at(file: impl Into<PathBuf>) -> Known {
        Known(file.into())
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.0
    }

    /// The fingerprint that is kept for this address.
    ///
    /// # Errors
    /// When the file cannot be read, or its line for this address has no fingerprint.
    pub fn fingerprint(&self, address: &str) -> io::Result<Option<String>> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.error(&cause.to_string())),
        };
        for (at, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            if words.next() != Some(address) {
                continue;
            }
            return match (words.next(), words.next()) {
                (Some(found), None) if found.starts_with("sha256:") && found.len() == 7 + 64 => {
                    Ok(Some(found.to_owned()))
                }
                _ => Err(self.error(&format!("line {} is not `{address} sha256:…`", at + 1))),
            };
        }
        Ok(None)
    }

    /// Keeps a fingerprint.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&self, address: &str, fingerprint: &str) -> io::Result<()> {
        let written = || {
            if let Some(folder) = self.0.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&self.0)?;
            file.write_all(format!("{address} {fingerprint}\n").as_bytes())
        };
        written().map_err(|cause: io::Error| self.error(&cause.to_string()))
    }

    fn error(&self, what: &str) -> io::Error {
        io::Error::other(format!("{}: {what}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_found_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let known = Known::at(folder.path().join("deep/known"));
        let print = format!("sha256:{}", "a7".repeat(32));
        assert_eq!(known.fingerprint("house:7700").unwrap(), None);
        known.add("house:7700", &print).unwrap();
        known.add("house:77", &print).unwrap();
        assert_eq!(known.fingerprint("house:7700").unwrap(), Some(print));
        assert_eq!(known.fingerprint("house:770").unwrap(), None);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_no_first_contact() {
        let folder = tempfile::tempdir().unwrap();
        let known = Known::at(folder.path().join("known"));
        for line in [
            "house:7700",
            "house:7700 md5:1",
            "house:7700 sha256:1",
            "house:7700 a b",
        ] {
            fs::write(known.file(), format!("# mine\n{line}\n")).unwrap();
            let error = known.fingerprint("house:7700").unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
