//! The library for plugins in Python, which the runtime brings along: a plugin in Python needs nothing installed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder below that of the plugins.
const FOLDER: &str = ".sdk";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../plugins/sdk/python/core_runtime/", $name)))),*]
    };
}

/// The library's files.
const PYTHON: &[(&str, &str)] = &files![
    "__about__.py",
    "__init__.py",
    "arguments.py",
    "declare.py",
    "errors.py",
    "hints.py",
    "logs.py",
    "memory.py",
    "original/__init__.py",
    "original/__main__.py",
    "original/adapter.py",
    "original/base.py",
    "original/bus.py",
    "original/describe.py",
    "original/doing.py",
    "original/imports.py",
    "original/manager.py",
    "original/registry.py",
    "original/values.py",
    "peer.py",
    "plugin.py",
    "process.py",
    "selector.py",
    "session.py",
    "testing.py",
    "topics.py",
    "types.py",
    "values.py",
    "wire.py",
    "worker.py",
    "py.typed",
];

/// Writes the library where it is not there, or another one is.
pub(crate) fn unpack(root: &Path) -> io::Result<()> {
    let folder = root.join(FOLDER).join("python").join("core_runtime");
    for (name, text) in PYTHON {
        let file = folder.join(name);
        if fs::read_to_string(&file).is_ok_and(|there| there == *text) {
            continue;
        }
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        let whole = file.with_extension("new");
        fs::write(&whole, text)?;
        fs::rename(&whole, &file)?;
    }
    Ok(())
}

/// Where the libraries are.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// What a process needs to find it.
pub(crate) fn env(root: &Path) -> BTreeMap<String, String> {
    let python = root.join(FOLDER).join("python").display().to_string();
    BTreeMap::from([("PYTHONPATH".to_owned(), python)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            match entry.path() {
                place if place.is_dir() && !name.ends_with("__pycache__") => {
                    files(&place, &format!("{name}/"), found)
                }
                place if place.is_file() => drop(found.insert(name)),
                _ => {}
            }
        }
    }

    #[test]
    fn every_file_of_the_library_is_brought_along() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk/python/core_runtime");
        let mut there = BTreeSet::new();
        files(&folder, "", &mut there);
        let known = PYTHON.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(there, known);
    }
}
