//! A package that is a folder.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::PackageError;
use super::unpack::Target;
use crate::manifest::{FILE, Manifest, Run};

/// What tools leave in a folder, and no plugin needs to run.
const LEFT_OUT: [&str; 4] = [".git", "__pycache__", ".mypy_cache", ".pytest_cache"];

const LINK: &str = "a link: a plugin is made of files and folders";

pub(super) fn copy(source: &Path, target: &mut Target) -> Result<(), PackageError> {
    if source.join(FILE).is_file()
        && let Run::Wasm { module } = Manifest::read(source)?.run
    {
        // A module reaches no files: whatever else is here, such as the crate it is built from, is for its author.
        copy_module(source, &module, target)?;
        return copy_as(&source.join(FILE), FILE, target);
    }
    walk(source, "", target)
}

/// A package of one file.
pub(super) fn copy_file(source: &Path, target: &mut Target) -> Result<(), PackageError> {
    let name = source
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("plugin.py");
    copy_as(source, name, target)
}

fn copy_as(source: &Path, name: &str, target: &mut Target) -> Result<(), PackageError> {
    let mut from = File::open(source).map_err(|cause| PackageError::io(source, &cause))?;
    target.file(name, &mut from, false)
}

/// Where it is not there, the manifest's reader says so.
fn copy_module(source: &Path, module: &str, target: &mut Target) -> Result<(), PackageError> {
    let mut place = source.to_path_buf();
    for part in module.split('/') {
        place.push(part);
        if place.is_symlink() {
            return Err(PackageError::new(format!("{}: {LINK}", place.display())));
        }
    }
    match place.is_file() {
        true => copy_as(&place, module, target),
        false => Ok(()),
    }
}

fn walk(folder: &Path, below: &str, target: &mut Target) -> Result<(), PackageError> {
    let failed = |cause: std::io::Error| PackageError::io(folder, &cause);
    let mut entries: Vec<_> = fs::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let place = entry.path();
        let refuse = |why: &str| PackageError::new(format!("{}: {why}", place.display()));
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| refuse("its name is not UTF-8"))?;
        if LEFT_OUT.contains(&name) {
            continue;
        }
        let path = format!("{below}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            target.folder(&path)?;
            walk(&place, &format!("{path}/"), target)?;
        } else if kind.is_file() {
            let mut from = File::open(&place).map_err(|cause| PackageError::io(&place, &cause))?;
            let mode = from.metadata().map_err(failed)?.permissions().mode();
            target.file(&path, &mut from, mode & 0o100 != 0)?;
        } else if kind.is_symlink() {
            return Err(refuse(LINK));
        } else {
            return Err(refuse("neither a file nor a folder"));
        }
    }
    Ok(())
}
