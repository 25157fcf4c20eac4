//! What plugins say of their services beyond what the kernel keeps: schemas and examples. Whoever reads a plugin's
//! mailbox checks the arguments of calls by them, before the plugin sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kernel_core::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::lock;
use crate::schema::Schema;

/// What is known of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// What it does, for people; may be empty.
    pub description: String,
    /// The JSON Schema of its arguments; `None` when it takes anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The JSON Schema of its reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<Value>,
    /// It only reads: nothing is changed by a call.
    #[serde(skip_serializing_if = "is_false")]
    pub reads: bool,
    /// Arguments that it can be called with, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A service, and its schema compiled.
pub(crate) struct Known {
    about: About,
    schema: Option<Arc<Schema>>,
}

impl Known {
    /// Compiles the schema of a service.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn compile(service: &str, about: About) -> Result<Known, String> {
        let schema = about.schema.as_ref().map(Schema::compile).transpose();
        let schema = schema.map_err(|wrong| format!("schema of {service}: {wrong}"))?;
        Ok(Known {
            about,
            schema: schema.map(Arc::new),
        })
    }
}

/// The services of all plugins, by the plugin and the service's name.
#[derive(Default)]
pub struct Services(Mutex<BTreeMap<String, BTreeMap<String, Known>>>);

impl Services {
    /// Keeps what a plugin says of its service, in the place of what it said before.
    ///
    /// # Errors
    /// What is wrong with the schema of the arguments; nothing has changed then.
    pub fn add(&self, plugin: &str, service: &str, about: About) -> Result<(), String> {
        let known = Known::compile(service, about)?;
        self.keep(plugin, service, known);
        Ok(())
    }

    pub(crate) fn keep(&self, plugin: &str, service: &str, known: Known) {
        let mut all = lock(&self.0);
        let own = all.entry(plugin.to_owned()).or_default();
        own.insert(service.to_owned(), known);
    }

    /// Forgets a service.
    pub fn remove(&self, plugin: &str, service: &str) {
        if let Some(own) = lock(&self.0).get_mut(plugin) {
            own.remove(service);
        }
    }

    /// Forgets the services of a plugin whose life is over.
    pub fn remove_of(&self, plugin: &str) {
        lock(&self.0).remove(plugin);
    }

    /// What the plugin said of its service.
    pub fn about(&self, plugin: &str, service: &str) -> Option<About> {
        let all = lock(&self.0);
        Some(all.get(plugin)?.get(service)?.about.clone())
    }

    /// Whether the plugin that the service is named after said that it only reads.
    pub fn reads(&self, service: &str) -> bool {
        let plugin = service.split_once('.').map_or(service, |(plugin, _)| plugin);
        let all = lock(&self.0);
        let known = all.get(plugin).and_then(|own| own.get(service));
        known.is_some_and(|known| known.about.reads)
    }

    fn schema(&self, plugin: &str, service: &str) -> Option<Arc<Schema>> {
        lock(&self.0).get(plugin)?.get(service)?.schema.clone()
    }

    /// Whether these arguments, JSON, fit the service.
    ///
    /// # Errors
    /// `invalid_argument`: where they do not, and how.
    pub(crate) fn check(
        &self,
        plugin: &str,
        service: &str,
        args: &[u8],
        positional: Positional,
    ) -> Result<(), Error> {
        let Some(schema) = self.schema(plugin, service) else {
            return Ok(());
        };
        let value: Value = serde_json::from_slice(args)
            .map_err(|wrong| Error::new("invalid_argument", &wrong.to_string()))?;
        match positional == Positional::ByPlugin && is_positional(&value) {
            true => Ok(()),
            false => schema
                .check(&value)
                .map_err(|wrong| Error::new("invalid_argument", &wrong)),
        }
    }
}

/// What becomes of positional and keyword arguments, as the original's plugins pass them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positional {
    /// The plugin knows which of them is which, and checks them by itself.
    ByPlugin,
    /// They are an object like any other.
    AsAnyOther,
}

/// Whether these are positional and keyword arguments.
pub(crate) fn is_positional(args: &Value) -> bool {
    let object = args.as_object();
    object.is_some_and(|object| {
        object.len() == 2
            && object.get("args").is_some_and(Value::is_array)
            && object.get("kwargs").is_some_and(Value::is_object)
    })
}
