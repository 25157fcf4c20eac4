//! What the services of a plugin take and answer, as JSON Schema (draft 2020-12).
//!
//! `#[plugin(.., schema)]` implements [`Described`]; the types are to be `JsonSchema`. A plugin that is built for a
//! chip as well says `schema = "host"`, where `host` is a feature of its own crate.
//!
//! ```
//! use plugin_kit::prelude::*;
//! use plugin_kit::schema::Described;
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Target {
//!     celsius: f32,
//! }
//!
//! #[derive(Default)]
//! struct Thermostat;
//!
//! #[plugin(name = "thermostat", version = "1.0.0", schema)]
//! impl Thermostat {
//!     /// Sets the temperature to keep.
//!     #[service("thermostat.set", examples = [r#"{"celsius": 21.5}"#])]
//!     async fn set(&mut self, args: Target) -> Result<f32, Error> {
//!         Ok(args.celsius)
//!     }
//! }
//!
//! let services = Thermostat::services();
//! assert_eq!(services[0].description, "Sets the temperature to keep.");
//! assert_eq!(services[0].args.as_ref().unwrap()["properties"]["celsius"]["type"], "number");
//! assert_eq!(services[0].examples[0]["celsius"], 21.5);
//! ```

use std::string::String;
use std::vec::Vec;

use kernel_core::Json;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

/// A plugin whose services have schemas, for a host to show and to check arguments by.
pub trait Described {
    /// Whether it can be there several times, under names of which its services' names begin.
    const INSTANCES: bool = false;

    /// Its services, in the order of its methods.
    fn services() -> Services;
}

/// Services with their schemas.
pub type Services = Vec<ServiceSchema>;

/// The services of a plugin as JSON: an array of `{name, description, schema, returns, reads, examples}`.
pub fn to_json<P: Described>() -> String {
    // Texts and JSON have a JSON.
    serde_json::to_string(&P::services()).unwrap_or_default()
}

/// What a service takes and answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceSchema {
    /// Its name.
    pub name: &'static str,
    /// What it does, for people; may be empty.
    pub description: &'static str,
    /// The schema of its arguments; `None` when it takes none, or anything.
    #[serde(rename = "schema")]
    pub args: Option<Value>,
    /// The schema of its reply; `None` when that is not known.
    pub returns: Option<Value>,
    /// It only reads: nothing is changed by a call.
    pub reads: bool,
    /// Arguments, for people.
    pub examples: Vec<Value>,
}

impl ServiceSchema {
    /// A service of which nothing else is known.
    pub fn new(name: &'static str, description: &'static str) -> Self {
        ServiceSchema {
            name,
            description,
            args: None,
            returns: None,
            reads: false,
            examples: Vec::new(),
        }
    }

    /// It takes a `T`.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.args = Some(schema_for!(T).to_value());
        self
    }

    /// It answers with a `T`.
    pub fn returns<T: JsonSchema>(mut self) -> Self {
        self.returns = Some(schema_for!(T).to_value());
        self
    }

    /// It only reads.
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// It can be called with these arguments.
    pub fn example(mut self, args: Json<'static>) -> Self {
        self.examples
            .extend(serde_json::from_slice::<Value>(args.as_bytes()));
        self
    }
}
