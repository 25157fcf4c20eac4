//! Services as tools.

use link_gateway::Session;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::errors::error;
use crate::names::{service_of, tool_of};

/// The member of the arguments that are no object.
const VALUE: &str = "value";

/// The tools of a key that may know of the services; none for others, since none could be described to them.
pub(crate) async fn list(session: &Session) -> Result<Vec<Tool>, ErrorData> {
    match session.described_services().await {
        Ok(services) => Ok(services.iter().filter_map(tool).collect()),
        Err(failure) if failure.code == "denied" && !failure.locked_out => Ok(Vec::new()),
        Err(failure) => Err(error(failure)),
    }
}

fn tool(service: &Value) -> Option<Tool> {
    let name = service["name"].as_str()?;
    let reads = service["reads"] == true;
    let mut hints = ToolAnnotations::with_title(name);
    hints.read_only_hint = Some(reads);
    hints.destructive_hint = Some(!reads);
    hints.open_world_hint = Some(false);
    let description = service["description"].as_str().unwrap_or("").to_owned();
    Some(Tool::new(tool_of(name), description, schema(service.get("schema"))).with_annotations(hints))
}

/// The schema of arguments by name, where a service takes such: its own, or one of several that it takes.
fn by_name(schema: &Value) -> Option<JsonObject> {
    let is_by_name = |schema: &&Value| {
        let has = |name: &str| schema["properties"].get(name).is_some();
        schema["type"] == "object" && !(has("args") && has("kwargs"))
    };
    let mut found = match is_by_name(&schema) {
        true => schema.as_object()?.clone(),
        false => schema["anyOf"]
            .as_array()?
            .iter()
            .find(is_by_name)?
            .as_object()?
            .clone(),
    };
    // What it refers to is looked for at the top.
    if let Some(defs) = schema.get("$defs") {
        found.insert("$defs".to_owned(), defs.clone());
    }
    Some(found)
}

/// The schema of a tool's arguments, which are an object.
fn schema(of: Option<&Value>) -> JsonObject {
    if let Some(found) = of.and_then(by_name) {
        return found;
    }
    let mut inner = of.cloned().unwrap_or_else(|| json!({}));
    let mut outer = JsonObject::new();
    if let Some(inner) = inner.as_object_mut() {
        inner.remove("$schema");
        outer.extend(inner.remove("$defs").map(|defs| ("$defs".to_owned(), defs)));
    }
    outer.insert("type".to_owned(), "object".into());
    outer.insert("additionalProperties".to_owned(), false.into());
    outer.insert("properties".to_owned(), json!({ VALUE: inner }));
    outer
}

/// What a service is called with.
fn arguments(schema: Option<&Value>, mut given: JsonObject) -> Value {
    match schema.and_then(by_name) {
        Some(_) => given.into(),
        None => given.remove(VALUE).unwrap_or(Value::Null),
    }
}

/// Calls a tool. What goes wrong in a call is its result: whoever asked can do something about it.
pub(crate) async fn call(
    session: &Session,
    tool: &str,
    given: JsonObject,
) -> Result<CallToolResult, ErrorData> {
    let Some(service) = service_of(tool) else {
        return Err(ErrorData::invalid_params(
            format!("there is no tool {tool}"),
            None,
        ));
    };
    let about = match session.described_service(&service).await {
        Ok(Some(about)) => about,
        Ok(None) => {
            return Err(ErrorData::invalid_params(
                format!("there is no tool {tool}"),
                None,
            ));
        }
        Err(failure) => {
            return Ok(CallToolResult::error(vec![ContentBlock::text(
                failure.to_string(),
            )]));
        }
    };
    let args = arguments(about.get("schema"), given).to_string();
    Ok(match session.call(&service, args.as_bytes(), 0).await {
        Ok(reply) => {
            let mut result =
                CallToolResult::success(vec![ContentBlock::text(String::from_utf8_lossy(&reply))]);
            let reply: Value = serde_json::from_slice(&reply).unwrap_or(Value::Null);
            result.structured_content = reply.is_object().then_some(reply);
            result
        }
        Err(failure) => CallToolResult::error(vec![ContentBlock::text(failure.to_string())]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_those_of_the_schema() {
        let object = json!({ "type": "object", "properties": { "id": { "type": "string" } } });
        let text = json!({ "type": "string", "$defs": { "A": {} }, "$schema": "x" });
        let given = |value: Value| value.as_object().cloned().unwrap_or_default();
        assert_eq!(Value::from(schema(Some(&object))), object);
        let positional = json!({ "type": "object", "properties": { "args": {}, "kwargs": {} } });
        let several = json!({ "anyOf": [positional, { "type": "string" }, object], "$defs": { "A": {} } });
        assert_eq!(schema(Some(&several))["properties"], object["properties"]);
        assert!(schema(Some(&several))["$defs"]["A"].is_object());
        assert_eq!(
            arguments(Some(&several), given(json!({ "id": "a" }))),
            json!({ "id": "a" })
        );
        assert_eq!(
            arguments(Some(&object), given(json!({ "id": "a" }))),
            json!({ "id": "a" })
        );
        assert_eq!(arguments(Some(&text), given(json!({ "value": "a" }))), "a");
        assert_eq!(arguments(None, given(json!({}))), Value::Null);
        let outer = Value::from(schema(Some(&text)));
        assert_eq!(
            (&outer["type"], &outer["properties"]["value"]),
            (&json!("object"), &json!({ "type": "string" }))
        );
        assert!(outer["$defs"]["A"].is_object());
    }
}
