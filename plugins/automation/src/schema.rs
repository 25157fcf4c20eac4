//! The grammar of rules as JSON Schema.
//!
//! Each kind of trigger, condition and action is known by its members, and these are all in one object: so whoever checks
//! a rule by the schema says where it is wrong. Which of them go together the plugin itself checks.

use alloc::borrow::Cow;
use alloc::string::String;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::read::MAX_TEXT;
use crate::rule::{MAX_ACTIONS, MAX_CONDITIONS, MAX_ID, MAX_PARALLEL, MAX_SECONDS, MAX_TRIGGERS};
use crate::types::{RuleChange, RuleDocument};

/// A schema that is referred to by its name, for it contains itself.
macro_rules! named {
    ($type:ident, $name:literal, $make:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let make: fn(&mut SchemaGenerator) -> Schema = $make;
                make(generator)
            }
        }
    };
}

struct Trigger;
struct Condition;
struct Action;

named!(RuleDocument, "Rule", |generator| {
    let mut schema = object(&members(generator, false));
    schema["required"] = json!(["id", "actions"]);
    described(
        schema,
        "What is to happen when: see the documentation of the crate automation",
    )
});

named!(RuleChange, "RuleChange", |generator| {
    let mut schema = object(&members(generator, true));
    schema["required"] = json!(["id"]);
    described(
        schema,
        "Members of a rule that are to be others; null takes one out",
    )
});

named!(Trigger, "Trigger", |generator| {
    let schema = object(&[
        ("event", text(128)),
        ("state", text(128)),
        ("when", reference::<Condition>(generator)),
        ("from", json!({})),
        ("to", json!({})),
        ("for", seconds(0.001, MAX_SECONDS)),
        ("time", time_of_day()),
        ("weekdays", weekdays()),
        ("every", seconds(1.0, MAX_SECONDS)),
        ("sun", words(&["sunrise", "sunset"])),
        ("offset", seconds(-43_200.0, 43_200)),
    ]);
    described(
        schema,
        "One of event, state, time, every, sun, with what belongs to it",
    )
});

named!(Condition, "Condition", |generator| {
    let inner = reference::<Condition>(generator);
    let all = list(inner.clone(), 0, MAX_CONDITIONS);
    let window = object(&[
        ("after", time_of_day()),
        ("before", time_of_day()),
        ("weekdays", weekdays()),
    ]);
    let mut members = Map::new();
    for (name, schema) in [
        ("event", pointer()),
        ("state", text(128)),
        ("result", text(MAX_TEXT)),
        ("at", pointer()),
        ("time", window),
        ("and", all.clone()),
        ("or", all),
        ("not", inner),
    ] {
        members.insert(String::from(name), schema);
    }
    for check in ["eq", "ne", "gt", "ge", "lt", "le", "in", "exists"] {
        members.insert(String::from(check), json!({}));
    }
    let schema = json!({"type": "object", "properties": members, "additionalProperties": false});
    described(
        schema,
        "One of event, state and result with checks, or one of time, and, or, not",
    )
});

named!(Action, "Action", |generator| {
    let actions = list(reference::<Action>(generator), 1, MAX_ACTIONS);
    let option = object(&[
        ("if", reference::<Condition>(generator)),
        ("then", actions.clone()),
    ]);
    let schema = object(&[
        ("service", text(128)),
        ("args", json!({})),
        ("timeout", seconds(0.001, 600)),
        ("result", text(MAX_TEXT)),
        ("on_error", words(&["stop", "continue"])),
        ("publish", text(128)),
        ("payload", json!({})),
        ("set_state", text(128)),
        ("value", json!({})),
        ("ttl", seconds(0.001, MAX_SECONDS)),
        ("delay", seconds(0.001, MAX_SECONDS)),
        ("choose", list(option, 1, MAX_ACTIONS)),
        ("else", actions),
    ]);
    described(
        schema,
        "One of service, publish, set_state, delay, choose, with what belongs to it",
    )
});

/// The members of a rule; in a change most may be null.
fn members(generator: &mut SchemaGenerator, is_change: bool) -> [(&'static str, Value); 8] {
    let id = json!({
        "type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[a-zA-Z0-9_-]+$",
        "x-existing": is_change
    });
    let mut name = text(MAX_TEXT);
    name["minLength"] = json!(0);
    let mut all = [
        ("id", id),
        ("name", name),
        ("enabled", json!({"type": "boolean"})),
        ("mode", words(&["single", "restart", "queued", "parallel"])),
        (
            "max",
            json!({"type": "integer", "minimum": 1, "maximum": MAX_PARALLEL}),
        ),
        ("triggers", list(reference::<Trigger>(generator), 0, MAX_TRIGGERS)),
        (
            "conditions",
            list(reference::<Condition>(generator), 0, MAX_CONDITIONS),
        ),
        ("actions", list(reference::<Action>(generator), 1, MAX_ACTIONS)),
    ];
    if is_change {
        for (_, schema) in all
            .iter_mut()
            .filter(|(name, _)| *name != "id" && *name != "actions")
        {
            if schema["enum"].is_array() {
                // Null is one more of the words.
                schema["enum"]
                    .as_array_mut()
                    .into_iter()
                    .for_each(|words| words.push(Value::Null));
            }
            schema["type"] = json!([schema["type"], "null"]);
        }
    }
    all
}

fn described(mut schema: Value, description: &str) -> Schema {
    schema["description"] = json!(description);
    Schema::try_from(schema).unwrap_or_default()
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// An object that has no others than these members.
fn object(members: &[(&str, Value)]) -> Value {
    let members = members.iter();
    let properties: Map<String, Value> = members
        .map(|(name, schema)| (String::from(*name), schema.clone()))
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn list(items: Value, least: usize, most: usize) -> Value {
    json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
}

fn text(most: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most})
}

fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn pointer() -> Value {
    json!({"type": "string", "maxLength": MAX_TEXT, "pattern": "^(/|$)"})
}

fn seconds(least: f64, most: i64) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most})
}

fn weekdays() -> Value {
    list(words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), 1, 7)
}

fn time_of_day() -> Value {
    json!({"type": "string", "maxLength": 8, "pattern": "^[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?$"})
}
