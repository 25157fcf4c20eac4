//! What there is in the runtime, as JSON.

use kernel_core::CoreRuntime;
use serde_json::{Value, json};

use crate::services::Services;

/// Room for a row's texts.
const ROW: usize = 1024;

/// All services.
pub(crate) fn services(runtime: CoreRuntime, known: &Services) -> Value {
    let (mut cursor, mut buf, mut rows) = (0, [0; ROW], Vec::new());
    while let Some(service) = runtime.next_service(&mut cursor, &mut buf) {
        let mut row = json!({
            "name": service.name,
            "plugin": service.owner,
            "description": service.description,
            "version": service.version,
            "deprecated": service.deprecated,
        });
        if let (Some(about), Some(row)) = (known.about(service.name), row.as_object_mut()) {
            row.insert("description".into(), about.description.into());
            row.extend(about.schema.map(|schema| ("schema".into(), schema)));
            row.extend(about.returns.map(|returns| ("returns".into(), returns)));
            if !about.examples.is_empty() {
                row.insert("examples".into(), about.examples.into());
            }
        }
        rows.push(row);
    }
    rows.into()
}
