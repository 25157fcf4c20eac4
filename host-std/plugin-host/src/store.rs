//! The folder of what is installed.
//!
//! ```text
//! plugins/
//!   NAME/record.json          what the runtime keeps of it
//!   NAME/versions/0001-1.0.0/ its package; after an upgrade the one before stays
//!   NAME/data/                where it may write
//!   NAME/log.ndjson           what it has logged, and log.1.ndjson what before
//!   .incoming/                what is being unpacked; emptied at the start
//! ```
//!
//! A plugin is there when its `record.json` is: everything is made ready beside it and then renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::InstallError;
use crate::manifest::Manifest;
use crate::package;
use crate::permissions::Permissions;

const RECORD: &str = "record.json";
const INCOMING: &str = ".incoming";

/// What the runtime keeps of an installed plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The folder of its package below `versions`.
    pub(crate) package: String,
    /// The one before, to go back to.
    pub(crate) previous: Option<String>,
    /// Whether it is started with the runtime.
    pub(crate) enabled: bool,
    pub(crate) granted: Permissions,
    /// What was set of its settings.
    pub(crate) settings: Value,
}

/// A package that was unpacked and is not installed yet; dropped, it is deleted.
pub(crate) struct Incoming {
    folder: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Incoming {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // It was moved away, or the next start does it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

/// The names of the plugins that are installed in `folder`; none when it is not there.
pub fn installed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && folder.join(name).join(RECORD).is_file())
        .collect();
    names.sort();
    names
}

/// Why what is installed under this name in `folder` cannot be run; `None` when its record and its manifest are sound.
pub fn fault(folder: &Path, name: &str) -> Option<String> {
    let store = Store {
        root: folder.to_path_buf(),
    };
    let record = store.record(name);
    let manifest = record.and_then(|record| store.manifest(name, &record));
    manifest.err().map(|error| error.message().to_owned())
}

impl Store {
    /// Opens the folder, making it where it is not there, and clears away what an interrupted installation left.
    pub(crate) fn open(root: &Path) -> Result<Store, InstallError> {
        // Commands of plugins are run in their own folders.
        let root = std::path::absolute(root).map_err(|cause| failed(root, &cause))?;
        let store = Store { root };
        make_folders(&store.root)?;
        let incoming = store.root.join(INCOMING);
        if incoming.symlink_metadata().is_ok() {
            fs::remove_dir_all(&incoming).map_err(|cause| failed(&incoming, &cause))?;
        }
        make_folders(&incoming)?;
        for name in installed(&store.root) {
            if let Ok(record) = store.record(&name) {
                store.clear_versions(&name, &record);
            }
        }
        Ok(store)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn record(&self, name: &str) -> Result<Record, InstallError> {
        let file = self.folder(name).join(RECORD);
        let text = fs::read(&file).map_err(|cause| failed(&file, &cause))?;
        serde_json::from_slice(&text).map_err(|cause| {
            let why = format!(
                "{}: damaged: {cause}; remove the plugin and install it again",
                file.display()
            );
            InstallError::new("damaged", why)
        })
    }

    pub(crate) fn manifest(&self, name: &str, record: &Record) -> Result<Manifest, InstallError> {
        Ok(Manifest::read(&self.package(name, record)).map_err(package::PackageError::from)?)
    }

    pub(crate) fn package(&self, name: &str, record: &Record) -> PathBuf {
        self.folder(name).join("versions").join(&record.package)
    }

    /// Where the plugin may write; made where it is not there.
    pub(crate) fn data(&self, name: &str) -> Result<PathBuf, InstallError> {
        let data = self.folder(name).join("data");
        make_folders(&data)?;
        Ok(data)
    }

    /// Unpacks a package. It blocks for as long as that takes.
    pub(crate) fn unpack(&self, source: &Path) -> Result<Incoming, InstallError> {
        let incoming = self.root.join(INCOMING);
        let free = (0..1000).map(|number| incoming.join(number.to_string()));
        let mut free = free.filter(|folder| folder.symlink_metadata().is_err());
        let folder = free
            .next()
            .ok_or_else(|| InstallError::new("busy", "too many installations at a time"))?;
        match package::unpack(source, &folder) {
            Ok(manifest) => Ok(Incoming { folder, manifest }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error.into())
            }
        }
    }

    /// Installs what was unpacked.
    pub(crate) fn install(
        &self,
        name: &str,
        incoming: &Incoming,
        granted: Permissions,
        settings: Value,
    ) -> Result<Record, InstallError> {
        let record = Record {
            package: format!("0001-{}", incoming.manifest.version),
            previous: None,
            enabled: true,
            granted,
            settings,
        };
        let folder = self.folder(name);
        if folder.symlink_metadata().is_ok() {
            let why = format!(
                "{} is there already: upgrade it, or install under another --name",
                folder.display()
            );
            return Err(InstallError::new("taken", why));
        }
        let whole = incoming.folder.with_extension("whole");
        let moved = (|| {
            make_folders(&whole.join("versions")).map_err(io::Error::other)?;
            fs::rename(&incoming.folder, whole.join("versions").join(&record.package))?;
            write_record(&whole, &record)?;
            fs::rename(&whole, &folder)?;
            File::open(&self.root)?.sync_all()
        })();
        match moved {
            Ok(()) => Ok(record),
            Err(cause) => {
                let _ = fs::remove_dir_all(&whole);
                Err(failed(&folder, &cause))
            }
        }
    }

    /// Puts another version in the place of the present one, which stays to go back to.
    pub(crate) fn upgrade(
        &self,
        name: &str,
        incoming: &Incoming,
        granted: Permissions,
    ) -> Result<Record, InstallError> {
        let before = self.record(name)?;
        let number: u32 = before
            .package
            .split('-')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        let record = Record {
            package: format!("{:04}-{}", number + 1, incoming.manifest.version),
            previous: Some(before.package.clone()),
            granted,
            ..before
        };
        let place = self.package(name, &record);
        fs::rename(&incoming.folder, &place).map_err(|cause| failed(&place, &cause))?;
        self.save(name, &record)?;
        Ok(record)
    }

    /// Keeps what has changed of the record.
    pub(crate) fn save(&self, name: &str, record: &Record) -> Result<(), InstallError> {
        let folder = self.folder(name);
        write_record(&folder, record).map_err(|cause| failed(&folder, &cause))?;
        self.clear_versions(name, record);
        Ok(())
    }

    /// Removes a plugin with its folders: what it stored in the database stays.
    pub(crate) fn remove(&self, name: &str) -> Result<(), InstallError> {
        let folder = self.folder(name);
        let aside = self.root.join(INCOMING).join(format!("removed-{name}"));
        let _ = fs::remove_dir_all(&aside);
        fs::rename(&folder, &aside).map_err(|cause| failed(&folder, &cause))?;
        // It is gone; what cannot be deleted now is at the next start.
        let _ = fs::remove_dir_all(&aside);
        Ok(())
    }

    /// Where all that belongs to a plugin is.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Deletes versions that nobody goes back to.
    fn clear_versions(&self, name: &str, record: &Record) {
        let versions = self.folder(name).join("versions");
        for entry in fs::read_dir(&versions).into_iter().flatten().flatten() {
            let known = entry.file_name().to_str().is_some_and(|version| {
                version == record.package || record.previous.as_deref() == Some(version)
            });
            if !known {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn failed(path: &Path, cause: &io::Error) -> InstallError {
    InstallError::new("io", format!("{}: {cause}", path.display()))
}

/// For the owner alone: settings may hold secrets.
fn make_folders(path: &Path) -> Result<(), InstallError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| failed(path, &cause))
}

fn write_record(folder: &Path, record: &Record) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    let (whole, place) = (folder.join("record.json.new"), folder.join(RECORD));
    let _ = fs::remove_file(&whole);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&whole)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&whole, &place)?;
    File::open(folder)?.sync_all()
}
