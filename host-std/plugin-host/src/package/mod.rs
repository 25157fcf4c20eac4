//! A plugin's package, a folder or an archive, into a folder of the runtime's own. What it says is believed only after it
//! was checked: paths that leave the folder, links, devices, names that clash, and more than there is room for are refused.

mod archive;
mod folder;
mod original;
mod unpack;

use std::fmt;
use std::io;
use std::path::Path;

use crate::manifest::{Manifest, ManifestError, Run};

/// A package that is refused.
#[derive(Debug)]
pub struct PackageError(String);

impl PackageError {
    fn new(what: impl Into<String>) -> Self {
        PackageError(what.into())
    }

    fn io(path: &Path, cause: &io::Error) -> Self {
        PackageError(format!("{}: {cause}", path.display()))
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PackageError {}

impl From<ManifestError> for PackageError {
    fn from(error: ManifestError) -> Self {
        PackageError(error.to_string())
    }
}

/// Copies the package at `source` (a folder, `.tar.gz`, `.tgz` or `.zip`, or a `.py` file with a class of the original) into the folder `into`, which is made, and reads
/// its manifest there.
///
/// # Errors
/// What is wrong with it. `into` may hold a part of it then.
pub fn unpack(source: &Path, into: &Path) -> Result<Manifest, PackageError> {
    let name = source
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("")
        .to_lowercase();
    let mut target = unpack::Target::new(into)?;
    if source.is_dir() {
        folder::copy(source, &mut target)?;
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        archive::tar_gz(source, &mut target)?;
    } else if name.ends_with(".zip") {
        archive::zip(source, &mut target)?;
    } else if name.ends_with(".py") && source.is_file() {
        folder::copy_file(source, &mut target)?;
    } else if source.symlink_metadata().is_err() {
        return Err(PackageError::new(format!(
            "{}: there is no such folder or file",
            source.display()
        )));
    } else {
        let wants = "a plugin is a folder, or an archive that ends in .tar.gz, .tgz or .zip, or a .py file with a class of the original";
        return Err(PackageError::new(format!("{}: {wants}", source.display())));
    }
    target.finish()?;
    original::describe(into)?;
    let manifest = Manifest::read(into);
    // The folder is the runtime's own: the user knows the package by another name.
    let manifest = manifest.map_err(|error| {
        let text = error.to_string();
        PackageError(text.replace(&into.display().to_string(), &source.display().to_string()))
    })?;
    if let Run::Wasm { module } = &manifest.run
        && !into.join(module).is_file()
    {
        let what = format!(
            "{}: run.module is {module:?}, and there is no such file in it",
            source.display()
        );
        let advice = match manifest.build.as_slice() {
            [] => String::new(),
            // What is in an archive is never run.
            command => format!(": it is built by `{}`, before it is packed", command.join(" ")),
        };
        return Err(PackageError(what + &advice));
    }
    Ok(manifest)
}
