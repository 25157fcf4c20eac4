//! A plugin of the original without a manifest: a file or a folder with one class. What the class says of itself is read
//! out of its source by the Python library, which runs nothing of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::PackageError;
use crate::manifest;
use crate::sdk;

/// Writes the `plugin.json` that the folder lacks, when it has a class to describe.
pub(super) fn describe(folder: &Path) -> Result<(), PackageError> {
    let has = |file: &str| folder.join(file).symlink_metadata().is_ok();
    if has(manifest::FILE) || has(manifest::ORIGINAL_FILE) || !has_python(folder) {
        return Ok(());
    }
    let library = folder.with_extension("library");
    let failed = |cause: std::io::Error| PackageError::io(&library, &cause);
    fs::create_dir(&library)
        .and_then(|()| sdk::unpack(&library))
        .map_err(failed)?;
    let described = Command::new("python3")
        .args(["-m", "core_runtime.original", "--describe"])
        .arg(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(sdk::env(&library))
        .stdin(Stdio::null())
        .output();
    let _ = fs::remove_dir_all(&library);
    let described =
        described.map_err(|cause| PackageError::new(format!("python3 could not be run: {cause}")))?;
    if !described.status.success() {
        let why = String::from_utf8_lossy(&described.stderr);
        let why = why.lines().next_back().unwrap_or("").to_owned();
        return Err(PackageError::new(format!(
            "there is no plugin.toml, and no class to run: {why}"
        )));
    }
    fs::write(folder.join(manifest::ORIGINAL_FILE), &described.stdout)
        .map_err(|cause| PackageError::io(folder, &cause))
}

fn has_python(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "py")
    })
}
