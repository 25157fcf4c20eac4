//! What there is in the runtime, as JSON.

use kernel_core::CoreRuntime;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::services::Services;

/// Room for a row's texts.
const ROW: usize = 1024;

/// Which services.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Which {
    /// The one of this name.
    name: Option<String>,
    /// Those of this plugin.
    plugin: Option<String>,
    /// Those that come after this name.
    after: Option<String>,
}

impl Which {
    fn has(&self, name: &str, plugin: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && self.plugin.as_ref().is_none_or(|wanted| wanted == plugin)
            && self.after.as_ref().is_none_or(|after| name > after.as_str())
    }
}

/// Services by name, as many as `room` bytes hold.
pub(crate) fn services(runtime: CoreRuntime, known: &Services, which: &Which, room: usize) -> Value {
    let (mut cursor, mut buf, mut rows) = (0, [0; ROW], Vec::new());
    while let Some(service) = runtime.next_service(&mut cursor, &mut buf) {
        if !which.has(service.name, service.owner) {
            continue;
        }
        let mut row = json!({
            "name": service.name,
            "plugin": service.owner,
            "description": service.description,
            "version": service.version,
            "deprecated": service.deprecated,
        });
        if let (Some(about), Some(row)) = (known.about(service.owner, service.name), row.as_object_mut()) {
            if !about.description.is_empty() {
                row.insert("description".into(), about.description.into());
            }
            row.extend(about.schema.map(|schema| ("schema".into(), schema)));
            row.extend(about.returns.map(|returns| ("returns".into(), returns)));
            if about.reads {
                row.insert("reads".into(), true.into());
            }
            if !about.examples.is_empty() {
                row.insert("examples".into(), about.examples.into());
            }
        }
        if row.to_string().len() >= room {
            // Where it has no room by itself, all behind it would not be seen.
            for key in ["schema", "returns", "examples"] {
                drop(row.as_object_mut().and_then(|row| row.remove(key)));
            }
        }
        rows.push((service.name.to_owned(), row));
    }
    rows.sort_by(|one, two| one.0.cmp(&two.0));
    fitting(rows.into_iter().map(|(_, row)| row), room).into()
}

/// The first of these rows, as many as `room` bytes hold.
pub(crate) fn fitting(rows: impl Iterator<Item = Value>, mut room: usize) -> Vec<Value> {
    let mut fitting = Vec::new();
    for row in rows {
        match room.checked_sub(row.to_string().len() + 1) {
            Some(left) => room = left,
            None => break,
        }
        fitting.push(row);
    }
    fitting
}
