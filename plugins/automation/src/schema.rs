//! The grammar of rules as JSON Schema.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::rule::{MAX_ACTIONS, MAX_CONDITIONS, MAX_ID, MAX_PARALLEL, MAX_SECONDS, MAX_TEXT, MAX_TRIGGERS};
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
struct Actions;

named!(RuleDocument, "Rule", |generator| {
    json_schema!({
        "type": "object",
        "description": "What is to happen when: see the documentation of the crate automation",
        "properties": members(generator, false),
        "required": ["id", "actions"],
        "additionalProperties": false
    })
});

named!(RuleChange, "RuleChange", |generator| {
    json_schema!({
        "type": "object",
        "description": "Members of a rule that are to be others; null takes one out",
        "properties": members(generator, true),
        "required": ["id"],
        "additionalProperties": false
    })
});

fn members(generator: &mut SchemaGenerator, is_change: bool) -> Value {
    let (trigger, condition) = (
        generator.subschema_for::<Trigger>(),
        generator.subschema_for::<Condition>(),
    );
    let others = [
        ("name", json!({"type": "string", "maxLength": MAX_TEXT})),
        ("enabled", json!({"type": "boolean"})),
        (
            "mode",
            json!({"type": "string", "enum": ["single", "restart", "queued", "parallel"]}),
        ),
        (
            "max",
            json!({"type": "integer", "minimum": 1, "maximum": MAX_PARALLEL}),
        ),
        (
            "triggers",
            json!({"type": "array", "items": trigger, "maxItems": MAX_TRIGGERS}),
        ),
        (
            "conditions",
            json!({"type": "array", "items": condition, "maxItems": MAX_CONDITIONS}),
        ),
        ("actions", generator.subschema_for::<Actions>().to_value()),
    ];
    let id = json!({
        "type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[a-zA-Z0-9_-]+$",
        "x-existing": is_change
    });
    let mut all = serde_json::Map::new();
    all.insert(String::from("id"), id);
    for (name, schema) in others {
        let schema = match is_change {
            true => json!({"anyOf": [schema, {"type": "null"}]}),
            false => schema,
        };
        all.insert(String::from(name), schema);
    }
    Value::Object(all)
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT})
}

fn pointer() -> Value {
    json!({"type": "string", "maxLength": MAX_TEXT, "pattern": "^(/.*)?$"})
}

fn topic() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 128})
}

fn seconds(least: f64, most: i64) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most})
}

fn weekdays() -> Value {
    let day = json!({"type": "string", "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]});
    json!({"type": "array", "items": day, "maxItems": 7, "minItems": 1})
}

fn time_of_day() -> Value {
    json!({"type": "string", "maxLength": 8, "pattern": "^[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?$"})
}

/// An object with this member, and others that may be left out.
fn object(kind: &str, value: Value, others: &[(&str, Value)]) -> Value {
    let mut properties = serde_json::Map::new();
    properties.insert(String::from(kind), value);
    for (name, schema) in others {
        properties.insert(String::from(*name), schema.clone());
    }
    json!({"type": "object", "properties": properties, "required": [kind], "additionalProperties": false})
}

named!(Trigger, "Trigger", |generator| {
    let when = generator.subschema_for::<Condition>().to_value();
    let any = json!({});
    let state = [
        ("from", any.clone()),
        ("to", any),
        ("when", when.clone()),
        ("for", seconds(0.001, MAX_SECONDS)),
    ];
    let sun = json!({"type": "string", "enum": ["sunrise", "sunset"]});
    json_schema!({"oneOf": [
        object("event", topic(), &[("when", when)]),
        object("state", topic(), &state),
        object("time", time_of_day(), &[("weekdays", weekdays())]),
        object("every", seconds(1.0, MAX_SECONDS), &[]),
        object("sun", sun, &[("offset", seconds(-43_200.0, 43_200)), ("weekdays", weekdays())]),
    ]})
});

named!(Condition, "Condition", |generator| {
    let inner = generator.subschema_for::<Condition>().to_value();
    let list = json!({"type": "array", "items": inner.clone(), "maxItems": MAX_CONDITIONS});
    let operand = json!({"description": "a value, or a place that is filled in"});
    let mut checks: Vec<(&str, Value)> = Vec::new();
    for check in ["eq", "ne", "gt", "ge", "lt", "le", "in", "exists"] {
        checks.push((check, operand.clone()));
    }
    let mut below = checks.clone();
    below.push(("at", pointer()));
    let window = json!({
        "type": "object",
        "properties": {"after": time_of_day(), "before": time_of_day(), "weekdays": weekdays()},
        "additionalProperties": false
    });
    json_schema!({"oneOf": [
        object("event", pointer(), &checks),
        object("state", topic(), &below),
        object("result", text(), &below),
        object("time", window, &[]),
        object("and", list.clone(), &[]),
        object("or", list, &[]),
        object("not", inner, &[]),
    ]})
});

named!(Actions, "Actions", |generator| {
    let action = generator.subschema_for::<Action>();
    json_schema!({"type": "array", "items": action, "minItems": 1, "maxItems": MAX_ACTIONS})
});

named!(Action, "Action", |generator| {
    let then = generator.subschema_for::<Actions>().to_value();
    let condition = generator.subschema_for::<Condition>();
    let template = json!({"description": "a value with places that are filled in"});
    let option = json!({
        "type": "object",
        "properties": {"if": condition, "then": then.clone()},
        "required": ["if", "then"],
        "additionalProperties": false
    });
    let options = json!({"type": "array", "items": option, "minItems": 1, "maxItems": MAX_ACTIONS});
    let call = [
        ("args", template.clone()),
        ("timeout", seconds(0.001, 600)),
        ("result", text()),
        (
            "on_error",
            json!({"type": "string", "enum": ["stop", "continue"]}),
        ),
    ];
    let value = [("value", template.clone()), ("ttl", seconds(0.001, MAX_SECONDS))];
    let mut set_state = object("set_state", topic(), &value);
    set_state["required"] = json!(["set_state", "value"]);
    json_schema!({"oneOf": [
        object("service", topic(), &call),
        object("publish", topic(), &[("payload", template)]),
        set_state,
        object("delay", seconds(0.001, MAX_SECONDS), &[]),
        object("choose", options, &[("else", then)]),
    ]})
});
