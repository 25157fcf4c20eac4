//! Arguments that a service must refuse, made from its schema.

use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use serde_json::{Map, Value, json};

use crate::schema::ServiceSchema;

/// The mark of a schema's property that names something that has to exist: `#[schemars(extend("x-existing" = true))]`.
const EXISTING: &str = "x-existing";

/// Levels of nesting that no plain argument needs; the kernel takes a few more.
const DEEP: usize = 28;

/// Arguments that a service must refuse.
#[derive(Clone, Debug, PartialEq)]
pub struct BadInput {
    /// What is wrong with them.
    pub what: String,
    /// The arguments.
    pub args: Value,
}

/// Arguments that this service must refuse, each wrong in one place, made from the schema of its arguments and from its
/// examples, which are right: other types, what is missing or not known, texts and lists that are too long, numbers out
/// of range, other variants, values nested deep, and unknown names of what has to exist (a property with
/// `#[schemars(extend("x-existing" = true))]`). Those that are objects are there by name, and again as positional and
/// keyword arguments. Nothing for a service without a schema, or without an example that is an object.
///
/// ```
/// use plugin_kit::prelude::*;
/// use plugin_kit::schema::Described;
/// use plugin_kit::test::{TestRuntime, bad_inputs};
/// use plugin_kit::{Args, Arguments};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Target {
///     #[schemars(length(min = 1, max = 20))]
///     room: String,
///     #[schemars(range(min = 5, max = 30))]
///     celsius: u8,
/// }
///
/// impl Arguments for Target {
///     const NAMES: &'static [&'static str] = &["room", "celsius"];
/// }
///
/// #[derive(Default)]
/// struct Thermostat;
///
/// #[plugin(name = "thermostat", schema)]
/// impl Thermostat {
///     /// Sets the temperature to keep.
///     #[service(".set", examples = [r#"{"room": "hall", "celsius": 21}"#])]
///     fn set(&mut self, target: Args<Target>) -> Result<(), Error> {
///         match (target.room.len(), target.celsius) {
///             (1..=20, 5..=30) => Ok(()),
///             _ => Err(Error::invalid_argument("a room of 1 to 20 bytes and 5 to 30 degrees are wanted")),
///         }
///     }
/// }
///
/// let mut rt = TestRuntime::new();
/// rt.add::<Thermostat>(());
/// rt.start()?;
/// for service in Thermostat::services() {
///     let bad = bad_inputs(&service);
///     assert!(bad.len() > 20);
///     for input in bad {
///         assert!(rt.call(service.name, &input.args).is_err(), "{}: {}", input.what, input.args);
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
pub fn bad_inputs(service: &ServiceSchema) -> Vec<BadInput> {
    let Some(schema) = &service.args else {
        return Vec::new();
    };
    let root = Root(schema);
    let mut found = Vec::new();
    for example in service.examples.iter().filter(|example| example.is_object()) {
        root.spoil(example, schema, "", &mut |what, args| {
            let bad = BadInput { what, args };
            if !found.contains(&bad) {
                found.push(bad);
            }
        });
    }
    if found.is_empty() {
        return found;
    }
    for args in [json!(5), json!(true), json!(-1.5), json!([]), json!([[1]])] {
        found.push(BadInput {
            what: "the arguments are no object".to_owned(),
            args,
        });
    }
    let by_place = found
        .iter()
        .filter(|bad| bad.args.is_object())
        .map(|bad| BadInput {
            what: format!("{}, by keyword", bad.what),
            args: json!({"args": [], "kwargs": bad.args}),
        });
    let by_place: Vec<_> = by_place.collect();
    found.extend(by_place);
    found
}

/// Takes what is wrong, and the value with it.
type Take<'t> = dyn FnMut(String, Value) + 't;

/// A schema with its definitions.
struct Root<'s>(&'s Value);

impl<'s> Root<'s> {
    /// The schema itself, where it is elsewhere; the first that is not `null` of several.
    fn resolve(&self, schema: &'s Value) -> &'s Value {
        if let Some(path) = schema["$ref"].as_str() {
            let found = self.0.pointer(path.trim_start_matches('#'));
            return found.map_or(schema, |found| self.resolve(found));
        }
        let several = ["anyOf", "oneOf", "allOf"];
        let several = several.into_iter().find_map(|name| schema[name].as_array());
        let first = several.and_then(|all| all.iter().find(|one| one["type"] != "null"));
        first.map_or(schema, |first| self.resolve(first))
    }

    /// Whether a value of this type may stand here.
    fn allows(&self, schema: &'s Value, kind: &str) -> bool {
        let one = |name: &Value| {
            let name = name.as_str().unwrap_or("");
            name == kind || (name == "number" && kind == "integer")
        };
        if let Some(path) = schema["$ref"].as_str() {
            let found = self.0.pointer(path.trim_start_matches('#'));
            return found.is_none_or(|found| self.allows(found, kind));
        }
        for several in ["anyOf", "oneOf"] {
            if let Some(all) = schema[several].as_array() {
                return all.iter().any(|one| self.allows(one, kind));
            }
        }
        match &schema["type"] {
            Value::Array(names) => names.iter().any(one),
            Value::Null => schema["enum"].is_null() || kind == "string",
            name => one(name),
        }
    }

    /// All that makes `right`, at `place`, wrong.
    fn spoil(&self, right: &Value, schema: &'s Value, place: &str, take: &mut Take<'_>) {
        if !place.is_empty() {
            self.other_types(schema, place, take);
        }
        let schema = self.resolve(schema);
        match right {
            Value::Object(fields) => self.fields(fields, schema, place, take),
            Value::String(_) => texts(schema, place, take),
            Value::Number(_) => numbers(schema, place, take),
            Value::Array(items) => self.items(items, schema, place, take),
            _ => {}
        }
    }

    fn other_types(&self, schema: &'s Value, place: &str, take: &mut Take<'_>) {
        let others = [
            ("null", json!(null)),
            ("boolean", json!(true)),
            ("integer", json!(7)),
            ("number", json!(1.5)),
            ("string", json!("text")),
            ("array", json!([[]])),
            ("object", json!({"a": {"b": 1}})),
        ];
        for (kind, value) in others {
            if !self.allows(schema, kind) {
                take(format!("{place} is of the type {kind}"), value);
            }
        }
        if !self.allows(schema, "array") {
            take(format!("{place} is nested {DEEP} deep"), nested());
        }
    }

    fn fields(&self, fields: &Map<String, Value>, schema: &'s Value, place: &str, take: &mut Take<'_>) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let mut less = fields.clone();
            let name = name.as_str().unwrap_or("");
            if less.remove(name).is_some() {
                take(format!("{place}/{name} is missing"), Value::Object(less));
            }
        }
        let known = schema["properties"].as_object();
        for (name, property) in known.into_iter().flatten() {
            let place = format!("{place}/{name}");
            let example = self.example(property);
            let right = fields.get(name).or(example.as_ref()).unwrap_or(&Value::Null);
            self.spoil(right, property, &place, &mut |what, value| {
                let mut more = fields.clone();
                more.insert(name.clone(), value);
                take(what, Value::Object(more));
            });
        }
        let mut with = |what: &str, name: String, value: Value| {
            let mut more = fields.clone();
            more.insert(name, value);
            take(format!("{place} {what}"), Value::Object(more));
        };
        if schema["additionalProperties"] == false {
            let unknown = "has a field that is not known";
            with(unknown, "no_such_field".to_owned(), json!(1));
        } else if known.is_none() {
            with("is nested deep", "deep".to_owned(), nested());
            with("is too large", "long".to_owned(), json!("x".repeat(40_000)));
        }
    }

    /// A value for a property that the example of the service leaves out.
    fn example(&self, schema: &'s Value) -> Option<Value> {
        let schema = self.resolve(schema);
        let kind = match &schema["type"] {
            Value::Array(names) => names.first()?.as_str()?,
            name => name.as_str()?,
        };
        match kind {
            "string" => Some(json!("text")),
            "integer" | "number" => Some(json!(1)),
            "array" => Some(json!([])),
            _ => None,
        }
    }

    fn items(&self, items: &[Value], schema: &'s Value, place: &str, take: &mut Take<'_>) {
        if let Some(max) = schema["maxItems"].as_u64() {
            let item = items.first().cloned().or_else(|| self.example(&schema["items"]));
            let many = vec![item.unwrap_or(Value::Null); max as usize + 1];
            take(format!("{place} has more than {max} items"), Value::Array(many));
        }
        let place = format!("{place}/0");
        let first = items.first().unwrap_or(&Value::Null);
        self.spoil(first, &schema["items"], &place, &mut |what, value| {
            take(what, Value::Array(vec![value]));
        });
    }
}

fn texts(schema: &Value, place: &str, take: &mut Take<'_>) {
    let most = schema["maxLength"].as_u64().unwrap_or(39_999) as usize + 1;
    take(format!("{place} has {most} bytes"), json!("x".repeat(most)));
    if schema["minLength"].as_u64() > Some(0) {
        take(format!("{place} is empty"), json!(""));
    }
    if schema["pattern"].is_string() {
        for text in ["a b", "a.b", "*", ">", "a\n", "\u{7f}", "\u{0}"] {
            take(format!("{place} is {text:?}"), json!(text));
        }
    }
    if schema["enum"].is_array() || schema["const"].is_string() {
        take(format!("{place} is no variant"), json!("no_such_variant"));
    }
    if schema[EXISTING] == true {
        take(format!("{place} is not known"), json!("no_such_thing"));
    }
}

fn numbers(schema: &Value, place: &str, take: &mut Take<'_>) {
    let whole = schema["type"] == "integer" || schema["type"][0] == "integer";
    let mut with = |value: Value| take(format!("{place} is {value}"), value);
    if let Some(most) = schema["maximum"].as_f64() {
        with(json!(most + 1.0));
        with(json!(most as i64 + 1));
        with(json!(1e300));
    }
    if let Some(least) = schema["minimum"].as_f64() {
        with(json!(least - 1.0));
        with(json!(least as i64 - 1));
        with(json!(i64::MIN));
    }
    if whole {
        with(json!(1.5));
        with(json!(1e300));
    }
}

fn nested() -> Value {
    (0..DEEP).fold(json!(1), |inner, _| json!([inner]))
}
