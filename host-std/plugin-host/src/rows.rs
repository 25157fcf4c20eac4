//! Plugins as JSON.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use kernel_core::PluginState;
use serde_json::{Value, json};

use crate::keeper::Keeper;
use crate::manifest::Run;
use crate::text::{DESCRIPTION, cut};
use crate::unrestricted::unrestricted;

/// Room for a row's texts.
const ROW: usize = 1024;

impl Keeper {
    /// All plugins whose names come after this one, by name; the built-in ones too.
    pub(crate) fn rows(&self, after: &str) -> Vec<Value> {
        let (mut cursor, mut rows) = (0, BTreeMap::new());
        loop {
            let mut buf = [0; ROW];
            let Some(plugin) = self.runtime.next_plugin(&mut cursor, &mut buf) else {
                return rows.into_values().collect();
            };
            if plugin.name <= after {
                continue;
            }
            let mut row = json!({
                "name": plugin.name,
                "version": plugin.version,
                "description": plugin.description,
                "state": plugin.state.as_str(),
                "placement": plugin.placement,
            });
            let Some(members) = row.as_object_mut() else {
                continue;
            };
            if plugin.state == PluginState::Failed {
                members.insert(
                    "error".into(),
                    json!({"code": plugin.error_code, "message": plugin.error}),
                );
            }
            if let Some(entry) = self.entries.borrow().get(plugin.name) {
                let record = entry.record.borrow();
                let identity = &entry.running.identity;
                members.insert("enabled".into(), record.enabled.into());
                members.insert("plugin".into(), entry.manifest.name.clone().into());
                members.insert("author".into(), cut(&entry.manifest.author, DESCRIPTION).into());
                members.insert("refused".into(), identity.refusals.load(Ordering::Relaxed).into());
                members.insert("noise".into(), identity.noise.load(Ordering::Relaxed).into());
                let not_enforced = unrestricted(entry.manifest.run.kind());
                members.insert("not_enforced".into(), not_enforced.into());
                if let Run::Link(node) = &entry.manifest.run {
                    members.insert("node".into(), node.target.to_string().into());
                }
                if entry.in_place {
                    members.insert("in_place".into(), true.into());
                }
            }
            rows.insert(plugin.name.to_owned(), row);
        }
    }

    /// One plugin.
    pub(crate) fn row(&self, name: &str) -> Value {
        let rows = self.rows("");
        let row = rows
            .iter()
            .find(|row| row.get("name").is_some_and(|other| other == name));
        row.cloned().unwrap_or(Value::Null)
    }
}
