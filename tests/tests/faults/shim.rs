//! The library that fails on request.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");

/// A shim of its own for each runtime, with its files beside the runtime's.
pub(crate) struct Shim {
    library: PathBuf,
    control: PathBuf,
    faults: Cell<u32>,
}

impl Shim {
    /// Compiles it.
    pub(crate) fn compile(folder: &Path) -> Shim {
        let shim = Shim {
            library: folder.join("shim.so"),
            control: folder.join("faults"),
            faults: Cell::new(0),
        };
        let mut cc = Command::new("cc");
        cc.args([
            "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", SOURCE, "-o",
        ]);
        assert!(
            cc.arg(&shim.library).status().unwrap().success(),
            "cc compiles the shim"
        );
        shim.end();
        shim
    }

    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    pub(crate) fn control(&self) -> &Path {
        &self.control
    }

    /// From the `skip`-th call of this kind on, each one fails.
    pub(crate) fn begin(&self, call: &str, what: &str, skip: u64) {
        self.faults.set(self.faults.get() + 1);
        self.write(&format!("{} {call} {what} {skip}", self.faults.get()));
    }

    pub(crate) fn end(&self) {
        self.write("");
    }

    /// In one step, since it is read at any time.
    fn write(&self, text: &str) {
        let new = self.control.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &self.control).unwrap();
    }

    /// How many calls have failed.
    pub(crate) fn hits(&self) -> u64 {
        fs::metadata(self.control.with_extension("hits")).map_or(0, |file| file.len())
    }
}
