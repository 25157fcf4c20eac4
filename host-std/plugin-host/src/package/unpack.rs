//! The folder that a package is unpacked into: every file passes here, wherever it comes from.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::PackageError;
use crate::manifest;

/// The most that a package may hold.
const MOST_BYTES: u64 = 256 << 20;
const MOST_FILES: usize = 20_000;
const MOST_PARTS: usize = 24;
const LONGEST_PART: usize = 255;

/// Where the files go.
pub(super) struct Target {
    root: PathBuf,
    bytes: u64,
    files: usize,
    /// All paths in lower case: two that differ in case alone are one on other systems.
    seen: BTreeSet<String>,
}

impl Target {
    pub(super) fn new(root: &Path) -> Result<Self, PackageError> {
        make_folder(root).map_err(|cause| PackageError::io(root, &cause))?;
        Ok(Target {
            root: root.to_path_buf(),
            bytes: 0,
            files: 0,
            seen: BTreeSet::new(),
        })
    }

    /// Makes a folder of the package.
    pub(super) fn folder(&mut self, path: &str) -> Result<(), PackageError> {
        let parts = parts(path)?;
        self.folders(&parts)
    }

    /// Writes a file of the package.
    pub(super) fn file(
        &mut self,
        path: &str,
        from: &mut dyn Read,
        executable: bool,
    ) -> Result<(), PackageError> {
        let parts = parts(path)?;
        let (name, folders) = parts.split_last().ok_or_else(|| refuse(path, "it has no name"))?;
        self.folders(folders)?;
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(PackageError::new(format!("more than {MOST_FILES} files")));
        }
        let whole = parts.join("/");
        if !self.seen.insert(whole.to_lowercase()) {
            return Err(refuse(
                path,
                "it is there twice, or another one differs in upper and lower case alone",
            ));
        }
        let mut place = self.root.clone();
        place.extend(folders);
        place.push(name);
        let mode = if executable { 0o755 } else { 0o644 };
        let written = (|| {
            // New: nothing that is there already is followed or written to.
            let mut to = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&place)?;
            // What a header says of its size is not believed.
            io::copy(&mut from.take(MOST_BYTES - self.bytes + 1), &mut to)
        })();
        self.bytes += written.map_err(|cause| refuse(path, &cause.to_string()))?;
        match self.bytes > MOST_BYTES {
            true => Err(PackageError::new(format!(
                "more than {} MiB unpacked",
                MOST_BYTES >> 20
            ))),
            false => Ok(()),
        }
    }

    fn folders(&mut self, parts: &[&str]) -> Result<(), PackageError> {
        let mut place = self.root.clone();
        let mut whole = String::new();
        for part in parts {
            place.push(part);
            whole.push_str(part);
            whole.push('/');
            if place.is_dir() {
                continue;
            }
            if !self.seen.insert(whole.to_lowercase()) {
                return Err(refuse(
                    &whole,
                    "another folder differs in upper and lower case alone",
                ));
            }
            make_folder(&place).map_err(|cause| refuse(&whole, &cause.to_string()))?;
        }
        Ok(())
    }

    /// An archive often has everything in one folder: then that is the package.
    pub(super) fn finish(self) -> Result<(), PackageError> {
        let has_manifest = |folder: &Path| {
            [manifest::FILE, manifest::ORIGINAL_FILE]
                .iter()
                .any(|file| folder.join(file).is_file())
        };
        let failed = |cause: io::Error| PackageError::io(&self.root, &cause);
        if !has_manifest(&self.root) {
            let entries: Vec<_> = fs::read_dir(&self.root)
                .map_err(failed)?
                .collect::<Result<_, _>>()
                .map_err(failed)?;
            if let [only] = entries.as_slice()
                && has_manifest(&only.path())
            {
                let aside = self.root.with_extension("aside");
                fs::rename(only.path(), &aside).map_err(failed)?;
                fs::remove_dir(&self.root).map_err(failed)?;
                fs::rename(&aside, &self.root).map_err(failed)?;
            }
        }
        // On the disk before anybody is told that it is there.
        let root = File::open(&self.root).map_err(failed)?;
        rustix::fs::syncfs(&root).map_err(|cause| failed(cause.into()))
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(path)
}

fn refuse(path: &str, why: &str) -> PackageError {
    PackageError::new(format!("{path:?} in the package: {why}"))
}

/// The parts of a path that stays within the package.
fn parts(path: &str) -> Result<Vec<&str>, PackageError> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let why = if path.starts_with('/') {
        "an absolute path"
    } else if parts.contains(&"..") {
        "it leaves the folder"
    } else if parts.len() > MOST_PARTS {
        "it lies too deep"
    } else if path.contains('\\') || path.chars().any(char::is_control) {
        "a name with a character that is not allowed"
    } else if parts.iter().any(|part| part.len() > LONGEST_PART) {
        "a name that is too long"
    } else {
        return Ok(parts);
    };
    Err(refuse(path, why))
}
