//! A package that is an archive.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::PackageError;
use super::unpack::Target;

/// The most that an archive of nothing but names may unpack to before it is given up.
const MOST_ENTRIES: usize = 100_000;

pub(super) fn tar_gz(source: &Path, target: &mut Target) -> Result<(), PackageError> {
    let damaged = |cause: std::io::Error| {
        PackageError::new(format!(
            "{}: damaged, or no gzipped tar archive: {cause}",
            source.display()
        ))
    };
    let file = File::open(source).map_err(|cause| PackageError::io(source, &cause))?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        if count > MOST_ENTRIES {
            return Err(PackageError::new(format!("more than {MOST_ENTRIES} entries")));
        }
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path_bytes().into_owned();
        let refuse = |why: &str| {
            PackageError::new(format!(
                "{:?} in the package: {why}",
                String::from_utf8_lossy(&path)
            ))
        };
        let path = std::str::from_utf8(&path).map_err(|_| refuse("its name is not UTF-8"))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            target.folder(path)?;
        } else if kind.is_file() {
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
            target.file(path, &mut entry, executable)?;
        } else if kind.is_pax_global_extensions() {
            // What `git archive` writes: the commit.
        } else {
            return Err(refuse(
                "neither a file nor a folder: links and devices are not taken",
            ));
        }
    }
    Ok(())
}

pub(super) fn zip(source: &Path, target: &mut Target) -> Result<(), PackageError> {
    let damaged = |cause: zip::result::ZipError| {
        PackageError::new(format!(
            "{}: damaged, or no zip archive: {cause}",
            source.display()
        ))
    };
    let file = File::open(source).map_err(|cause| PackageError::io(source, &cause))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    for index in 0..archive.len().min(MOST_ENTRIES) {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let refuse = |name: &str, why: &str| PackageError::new(format!("{name:?} in the package: {why}"));
        let path = match std::str::from_utf8(entry.name_raw()) {
            Ok(path) => path.to_owned(),
            Err(_) => {
                return Err(refuse(
                    &String::from_utf8_lossy(entry.name_raw()),
                    "its name is not UTF-8",
                ));
            }
        };
        if entry.is_symlink() {
            return Err(refuse(&path, "a link: a plugin is made of files and folders"));
        }
        if entry.is_dir() {
            target.folder(&path)?;
        } else {
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
            target.file(&path, &mut entry, executable)?;
        }
    }
    Ok(())
}
