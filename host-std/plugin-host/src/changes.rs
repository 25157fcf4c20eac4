//! What changes the installed plugins while the runtime runs, one change at a time.

use std::path::{Path, PathBuf};

use kernel_core::PluginState;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::error::InstallError;
use crate::keeper::{Entry, Keeper};
use crate::lives::checked_settings;
use crate::lock::lock;
use crate::manifest::{self, Manifest, Run};
use crate::package::PackageError;
use crate::permissions::{LISTS, Permissions};
use crate::store::{Incoming, Record};
use crate::wasm::Sandbox;

impl Keeper {
    /// Installs a package and starts it.
    pub(crate) async fn install(&self, wanted: Install) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let incoming = self.unpack(&wanted.path).await?;
        let name = wanted.name.unwrap_or_else(|| incoming.manifest.name.clone());
        if !manifest::is_name(&name) {
            return Err(InstallError::new(
                "invalid_name",
                format!("no plugin may have the name {name:?}"),
            ));
        }
        if self.runtime.plugins().state(&name).is_some() {
            let why =
                format!("there is a plugin {name} already: upgrade it, or install under another --name");
            return Err(InstallError::new("taken", why));
        }
        same(wanted.asked.as_ref(), &incoming.manifest)?;
        let granted = wanted
            .granted
            .unwrap_or_else(|| incoming.manifest.permissions.clone());
        let settings = wanted.settings.unwrap_or_else(|| json!({}));
        checked_settings(incoming.manifest.settings.as_ref(), settings.clone())
            .map_err(|wrong| InstallError::new("invalid_settings", wrong))?;
        let record = self.store.install(&name, &incoming, granted, settings)?;
        let folder = self.store.package(&name, &record);
        let manifest = incoming.manifest.clone();
        if let Err(cause) = self.attach(&name, record, manifest, folder, false) {
            self.store.remove(&name)?;
            return Err(cause);
        }
        info!(
            plugin = name,
            "plugin {name} {} is installed", incoming.manifest.version
        );
        Ok(self.begin(&name).await)
    }

    /// Runs a folder in its place, until it is removed or the runtime ends.
    pub(crate) async fn develop(&self, path: &Path, name: Option<String>) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let manifest = Manifest::read(path).map_err(PackageError::from)?;
        checked(&manifest, path).await?;
        let name = name.unwrap_or_else(|| manifest.name.clone());
        if self.runtime.plugins().state(&name).is_some() {
            return Err(InstallError::new(
                "taken",
                format!("there is a plugin {name} already: give another --name"),
            ));
        }
        let record = Record {
            package: String::new(),
            previous: None,
            enabled: true,
            granted: manifest.permissions.clone(),
            settings: json!({}),
        };
        self.attach(&name, record, manifest, path.to_path_buf(), true)?;
        Ok(self.begin(&name).await)
    }

    /// Puts another version in a plugin's place; goes back when that does not start.
    pub(crate) async fn upgrade(&self, wanted: Install) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let incoming = self.unpack(&wanted.path).await?;
        let name = wanted.name.unwrap_or_else(|| incoming.manifest.name.clone());
        let before = self.entry(&name)?;
        if before.in_place {
            return Err(InstallError::new(
                "in_place",
                format!("{name} runs in its author's folder: there is nothing to upgrade"),
            ));
        }
        same(wanted.asked.as_ref(), &incoming.manifest)?;
        let old = before.record.borrow().clone();
        checked_settings(incoming.manifest.settings.as_ref(), self.settings_of(&name, &old)).map_err(
            |wrong| {
                InstallError::new(
                    "invalid_settings",
                    format!("the present settings do not fit the new version: {wrong}"),
                )
            },
        )?;
        let granted = wanted
            .granted
            .unwrap_or_else(|| incoming.manifest.permissions.clone());
        let was_started = self.runtime.plugins().state(&name) == Some(PluginState::Started);
        drop(before);
        self.detach(&name).await;
        let version = incoming.manifest.version.clone();
        let record = self.store.upgrade(&name, &incoming, granted)?;
        let folder = self.store.package(&name, &record);
        let outcome = match self.attach(&name, record, incoming.manifest.clone(), folder, false) {
            Ok(_) if !was_started => return Ok(self.row(&name)),
            Ok(_) => self
                .supervisor
                .start(self.runtime, &name)
                .await
                .map_err(InstallError::from),
            Err(cause) => Err(cause),
        };
        let Err(cause) = outcome else {
            info!(plugin = name, "plugin {name} is upgraded to {version}");
            return Ok(self.row(&name));
        };
        warn!(
            plugin = name,
            "plugin {name}: version {version} did not start, back to the one before: {cause}"
        );
        self.detach(&name).await;
        self.store.save(&name, &old)?;
        let manifest = self.store.manifest(&name, &old)?;
        let folder = self.store.package(&name, &old);
        self.attach(&name, old, manifest, folder, false)?;
        let back = self.begin(&name).await;
        let state = back.get("state").and_then(Value::as_str).unwrap_or("").to_owned();
        Err(InstallError::new(
            "rolled_back",
            format!("{cause}; the version before is back, {state}"),
        ))
    }

    /// Removes a plugin. What it stored stays in the database.
    pub(crate) async fn remove(&self, name: &str) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let in_place = self.entry(name)?.in_place;
        // Those that depend on it are in the way; a plugin that fails on its way out is not.
        if let Err(error) = self.supervisor.unload(self.runtime, name).await
            && error.code() == "needed"
        {
            return Err(error.into());
        }
        self.detach(name).await;
        self.logs.borrow_mut().remove(name);
        if !in_place {
            self.store.remove(name)?;
        }
        info!(plugin = name, "plugin {name} is removed");
        Ok(json!({ "name": name, "removed": true }))
    }

    /// Lets a plugin start with the runtime, and now; or not.
    pub(crate) async fn enable(&self, name: &str, enabled: bool) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let entry = self.entry(name)?;
        if enabled {
            self.keep(name, &entry, |record| record.enabled = true)?;
            return Ok(self.begin(name).await);
        }
        self.supervisor.unload(self.runtime, name).await?;
        self.supervisor
            .switch_off(entry.running.attached.installed().index());
        self.keep(name, &entry, |record| record.enabled = false)?;
        Ok(self.row(name))
    }

    /// Sets settings (`null` takes one back), and reloads the plugin.
    pub(crate) async fn set_settings(
        &self,
        name: &str,
        changes: serde_json::Map<String, Value>,
    ) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let entry = self.entry(name)?;
        let mut settings = entry
            .record
            .borrow()
            .settings
            .as_object()
            .cloned()
            .unwrap_or_default();
        for (key, value) in changes {
            match value {
                Value::Null => drop(settings.remove(&key)),
                value => drop(settings.insert(key, value)),
            }
        }
        let record = Record {
            settings: Value::Object(settings),
            ..entry.record.borrow().clone()
        };
        let whole = self.settings_of(name, &record);
        checked_settings(entry.manifest.settings.as_ref(), whole.clone())
            .map_err(|wrong| InstallError::new("invalid_settings", wrong))?;
        self.keep(name, &entry, |kept| *kept = record)?;
        entry.running.settings.replace(whole);
        self.reload_if_started(name).await
    }

    /// Grants or revokes a permission. What was revoked is lost at once: the plugin is reloaded.
    pub(crate) async fn permit(
        &self,
        name: &str,
        grant: &[(String, String)],
        revoke: &[(String, String)],
    ) -> Result<Value, InstallError> {
        let _change = self.changes.lock().await;
        let entry = self.entry(name)?;
        let mut granted = entry.record.borrow().granted.clone();
        for (permission, item) in grant {
            let list = list_of(&mut granted, permission)?;
            if !manifest::is_grant(permission, item) {
                return Err(InstallError::new(
                    "invalid_argument",
                    format!("{item:?} cannot be granted as {permission}"),
                ));
            }
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
        for (permission, item) in revoke {
            let list = list_of(&mut granted, permission)?;
            let count = list.len();
            list.retain(|other| other != item);
            if list.len() == count {
                let why = format!(
                    "{permission} {item} is not granted to {name}; granted is: {}",
                    granted.lines().join(", ")
                );
                return Err(InstallError::new("not_found", why));
            }
        }
        self.keep(name, &entry, |record| record.granted = granted.clone())?;
        *lock(&entry.running.identity.granted) = granted;
        match revoke.is_empty() {
            true => Ok(self.row(name)),
            false => self.reload_if_started(name).await,
        }
    }

    fn keep(&self, name: &str, entry: &Entry, change: impl FnOnce(&mut Record)) -> Result<(), InstallError> {
        let mut record = entry.record.borrow().clone();
        change(&mut record);
        if !entry.in_place {
            self.store.save(name, &record)?;
        }
        entry.record.replace(record);
        Ok(())
    }

    async fn reload_if_started(&self, name: &str) -> Result<Value, InstallError> {
        if self.runtime.plugins().state(name) == Some(PluginState::Started) {
            self.supervisor.reload(self.runtime, name).await?;
        }
        Ok(self.row(name))
    }

    /// Starts a plugin; that it fails is a part of the answer.
    async fn begin(&self, name: &str) -> Value {
        // Its row has the error.
        let _ = self.supervisor.start(self.runtime, name).await;
        self.row(name)
    }

    async fn unpack(&self, path: &Path) -> Result<Incoming, InstallError> {
        let (store, path) = (self.store.clone(), path.to_path_buf());
        let unpacked = spawn_blocking(move || store.unpack(&path)).await;
        let incoming = unpacked.unwrap_or_else(|cause| Err(InstallError::new("io", cause.to_string())))?;
        checked(&incoming.manifest, incoming.folder()).await?;
        Ok(incoming)
    }
}

/// What is to be installed, or upgraded to.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    /// The folder or archive, by its absolute path.
    pub(crate) path: PathBuf,
    /// The name, unless it is the manifest's.
    pub(crate) name: Option<String>,
    /// The permissions that the manifest asked for when somebody agreed to them.
    pub(crate) asked: Option<Permissions>,
    /// Those that are granted; all that it asks for unless given.
    pub(crate) granted: Option<Permissions>,
    pub(crate) settings: Option<Value>,
}

/// Refuses a module that cannot be run; one that is large takes a while.
async fn checked(manifest: &Manifest, folder: &Path) -> Result<(), InstallError> {
    let Run::Wasm { module } = &manifest.run else {
        return Ok(());
    };
    let sandbox = Sandbox::of(manifest, folder, module);
    let checked = spawn_blocking(move || sandbox.check()).await;
    checked.unwrap_or_else(|cause| Err(InstallError::new("io", cause.to_string())))
}

/// Refuses a package that is not the one that somebody agreed to.
fn same(asked: Option<&Permissions>, manifest: &Manifest) -> Result<(), InstallError> {
    match asked {
        Some(asked) if *asked != manifest.permissions => Err(InstallError::new(
            "changed",
            "the package asks for other permissions than a moment ago: look again",
        )),
        _ => Ok(()),
    }
}

fn list_of<'p>(permissions: &'p mut Permissions, name: &str) -> Result<&'p mut Vec<String>, InstallError> {
    permissions.list_mut(name).ok_or_else(|| {
        let known = LISTS.join(", ");
        InstallError::new(
            "invalid_argument",
            format!("{name:?} is no permission that can be granted; there are: {known}"),
        )
    })
}
