//! The library for plugins in Python, which the runtime brings along: a plugin in Python needs nothing installed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

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
    "logs.py",
    "memory.py",
    "peer.py",
    "plugin.py",
    "process.py",
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

/// What a process needs to find it.
pub(crate) fn env(root: &Path) -> BTreeMap<String, String> {
    let python = root.join(FOLDER).join("python").display().to_string();
    BTreeMap::from([("PYTHONPATH".to_owned(), python)])
}
