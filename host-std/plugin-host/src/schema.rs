//! JSON Schemas: of settings, and of the arguments of services.

use boon::{Compiler, Draft, Schemas};
use serde_json::Value;

/// A schema that values can be checked against.
pub struct Schema {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

/// Where the schema itself is said to be; it refers to nothing else.
const PLACE: &str = "schema:/";

impl Schema {
    /// Compiles a schema (draft 2020-12 unless it says another one). References to other documents are refused.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(Nothing));
        let added = compiler.add_resource(PLACE, schema.clone());
        added.map_err(|error| error.to_string())?;
        match compiler.compile(PLACE, &mut schemas) {
            Ok(index) => Ok(Schema { schemas, index }),
            Err(error) => Err(format!("{error:#}").replace('\n', " ")),
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Where it does not fit, and how: `/target: expected number, got string`.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let Err(error) = self.schemas.validate(value, self.index) else {
            return Ok(());
        };
        Err(deepest(&error))
    }
}

/// The first of the innermost causes, which says what is wrong; the outer ones say only that something is.
fn deepest(error: &boon::ValidationError<'_, '_>) -> String {
    let mut error = error;
    while let Some(cause) = error.causes.first() {
        error = cause;
    }
    let mut text = error.instance_location.to_string();
    if !text.is_empty() {
        text.push_str(": ");
    }
    // In the words that the libraries use, where it is the plugin that looks.
    let kind = error.kind.to_string();
    match kind.strip_prefix("want ") {
        Some(rest) => text.push_str(&format!("expected {}", rest.replace(", but got ", ", got "))),
        None => text.push_str(&kind),
    }
    text
}

struct Nothing;

impl boon::UrlLoader for Nothing {
    fn load(&self, url: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err(format!("{url} is another document: a schema here is whole in itself").into())
    }
}

/// The value with the defaults of the schema where it says nothing.
pub fn with_defaults(schema: &Value, value: Value) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        match (members.remove(name), schema.get("default")) {
            (Some(given), _) => drop(members.insert(name.clone(), with_defaults(schema, given))),
            (None, Some(default)) => drop(members.insert(name.clone(), default.clone())),
            (None, None) => {}
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_said_with_its_place() {
        let schema = json!({"type": "object", "required": ["target"], "additionalProperties": false,
            "properties": {"target": {"type": "number"}, "rooms": {"type": "array", "items": {"type": "string"}}}});
        let schema = Schema::compile(&schema).unwrap();
        assert_eq!(schema.check(&json!({"target": 21})), Ok(()));
        for (value, place) in [
            (json!({"target": "warm"}), "/target: expected number, got string"),
            (json!({"target": 1, "rooms": ["a", 2]}), "/rooms/1: "),
            (json!({}), "missing"),
            (json!({"target": 1, "taget": 2}), "taget"),
            (json!(7), "object"),
        ] {
            let said = schema.check(&value).unwrap_err();
            assert!(said.contains(place), "{said}");
        }
    }

    #[test]
    fn a_schema_that_is_none_is_refused_and_nothing_is_fetched() {
        for schema in [
            json!({"type": "nmber"}),
            json!({"$ref": "https://example.org/x"}),
            json!({"$ref": "file:///etc/passwd"}),
        ] {
            assert!(Schema::compile(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn defaults_fill_what_is_not_said() {
        let schema = json!({"properties": {"a": {"default": 1}, "b": {"properties": {"c": {"default": 2}}}}});
        assert_eq!(
            with_defaults(&schema, json!({"b": {}})),
            json!({"a": 1, "b": {"c": 2}})
        );
    }
}
