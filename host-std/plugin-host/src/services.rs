//! What plugins say of their services beyond what the kernel keeps: schemas and examples.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;

use crate::lock::lock;
use crate::schema::Schema;

/// What is known of a service.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct About {
    pub(crate) plugin: String,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) returns: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<Value>,
}

/// A service, and its schema compiled.
type Known = (About, Option<Arc<Schema>>);

/// All of them.
#[derive(Default)]
pub(crate) struct Services(Mutex<BTreeMap<String, Known>>);

impl Services {
    /// Keeps what a plugin says of its service, with its schema compiled.
    pub(crate) fn add(&self, name: &str, about: About, schema: Option<Schema>) {
        lock(&self.0).insert(name.to_owned(), (about, schema.map(Arc::new)));
    }

    pub(crate) fn remove(&self, name: &str) {
        lock(&self.0).remove(name);
    }

    /// Forgets the services of a plugin whose life is over.
    pub(crate) fn remove_of(&self, plugin: &str) {
        lock(&self.0).retain(|_, (about, _)| about.plugin != plugin);
    }

    pub(crate) fn about(&self, name: &str) -> Option<About> {
        lock(&self.0).get(name).map(|(about, _)| about.clone())
    }

    /// Whether these arguments fit the service.
    ///
    /// # Errors
    /// Where they do not, and how.
    pub(crate) fn check(&self, name: &str, args: &[u8]) -> Result<(), String> {
        let schema = lock(&self.0).get(name).and_then(|(_, schema)| schema.clone());
        let Some(schema) = schema else {
            return Ok(());
        };
        let value: Value = serde_json::from_slice(args).map_err(|error| error.to_string())?;
        match is_positional(&value) {
            // Which of them is which, the plugin knows.
            true => Ok(()),
            false => schema.check(&value),
        }
    }
}

/// Whether these are positional and keyword arguments, as the original's plugins pass them.
fn is_positional(args: &Value) -> bool {
    let object = args.as_object();
    object.is_some_and(|object| {
        object.len() == 2
            && object.get("args").is_some_and(Value::is_array)
            && object.get("kwargs").is_some_and(Value::is_object)
    })
}
