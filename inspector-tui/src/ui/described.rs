//! What a form knows of a service from its schema: what it takes, and arguments to begin with.

use serde_json::{Map, Value};

/// The most lines about what it takes.
const LINES: usize = 8;

/// What a service takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// A line for each argument.
    pub lines: Vec<String>,
    /// Arguments that it can be called with: its first example, or what its schema wants at the least.
    pub args: Option<String>,
}

/// Reads it from the answer of `plugins.services`; `None` when there is no schema of the service in it.
pub fn described(answer: &str, service: &str) -> Option<Described> {
    let rows: Vec<Value> = serde_json::from_str(answer).ok()?;
    let row = rows.iter().find(|row| row["name"] == service)?;
    let root = row.get("schema")?;
    let schema = by_name(root, root);
    let example = row["examples"].get(0).cloned();
    let args = example.or_else(|| least(root, schema));
    Some(Described {
        lines: lines(root, schema),
        args: args.map(|args| args.to_string()),
    })
}

/// The schema behind a reference within the document.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| root.pointer(target)).unwrap_or(schema)
}

/// Of several forms the one by name.
fn by_name<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let schema = resolved(root, schema);
    let forms = ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|form| schema[form].as_array());
    let mut forms = forms.into_iter().flatten().map(|form| resolved(root, form));
    let named = forms.find(|form| {
        let has = |name| form["properties"].get(name).is_some();
        form["properties"].is_object() && !(has("args") && has("kwargs"))
    });
    named.unwrap_or(schema)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value, bool)> {
    let required = |name: &String| {
        let required = schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(move |(name, schema)| (name, schema, required(name)))
}

fn lines(root: &Value, schema: &Value) -> Vec<String> {
    if schema["properties"].is_object() {
        let lines = properties(schema).map(|(name, schema, required)| {
            let optional = if required { "" } else { "?" };
            format!("{name}{optional}: {}", kind(root, schema))
        });
        return lines.take(LINES).collect();
    }
    vec![kind(root, schema)]
}

/// Its type, and what is said of it.
fn kind(root: &Value, schema: &Value) -> String {
    let about = schema["description"].as_str();
    let schema = resolved(root, schema);
    let choices = schema["enum"].as_array();
    let kind = match (choices, &schema["type"]) {
        (Some(choices), _) => choices
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(" | "),
        (None, Value::String(kind)) => kind.clone(),
        (None, Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            kinds.collect::<Vec<_>>().join(" | ")
        }
        _ => "anything".to_owned(),
    };
    match about.or(schema["description"].as_str()) {
        Some(about) => format!("{kind}, {about}"),
        None => kind,
    }
}

/// The least that fits, as far as types say.
fn least(root: &Value, schema: &Value) -> Option<Value> {
    let schema = resolved(root, schema);
    if let Some(value) = schema.get("default").or_else(|| schema["enum"].get(0)) {
        return Some(value.clone());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind? {
        "object" => {
            let required = properties(schema).filter(|(.., required)| *required);
            let members = required.map(|(name, schema, _)| {
                let value = least(root, schema).unwrap_or(Value::Null);
                (name.clone(), value)
            });
            Some(Value::Object(members.collect::<Map<_, _>>()))
        }
        "string" => Some("".into()),
        "number" | "integer" => Some(schema.get("minimum").cloned().unwrap_or_else(|| 0.into())),
        "boolean" => Some(false.into()),
        "array" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_becomes_lines_and_arguments_to_begin_with() {
        let answer = json!([{
            "name": "lamp.set", "plugin": "lamp",
            "schema": {"anyOf": [{"$ref": "#/$defs/Set"}, {"properties": {"args": {}, "kwargs": {}}}],
                "$defs": {"Set": {"type": "object", "required": ["id", "level"], "properties": {
                    "id": {"type": "string", "description": "Which."},
                    "level": {"type": "integer", "minimum": 1},
                    "mode": {"enum": ["soft", "hard"]},
                    "until": {"type": ["string", "null"]}
                }}}},
        }]);
        let found = described(&answer.to_string(), "lamp.set").unwrap();
        assert_eq!(
            found.lines,
            [
                "id: string, Which.",
                "level: integer",
                "mode?: \"soft\" | \"hard\"",
                "until?: string | null"
            ]
        );
        assert_eq!(found.args.unwrap(), r#"{"id":"","level":1}"#);
    }

    #[test]
    fn an_example_goes_before_what_the_schema_wants() {
        let answer =
            json!([{"name": "a.b", "schema": {"type": "number"}, "examples": [21.5, 3]}]).to_string();
        let found = described(&answer, "a.b").unwrap();
        assert_eq!(
            (found.lines, found.args.unwrap()),
            (vec!["number".to_owned()], "21.5".to_owned())
        );
        assert_eq!(described(&answer, "a.c"), None);
        assert_eq!(described("null", "a.b"), None);
        // A schema that refers to itself ends.
        let odd = json!([{"name": "a.b", "schema": {"$ref": "#"}}]).to_string();
        assert_eq!(described(&odd, "a.b").unwrap().args, None);
    }
}
