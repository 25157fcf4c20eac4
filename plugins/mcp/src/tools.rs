//! Services as tools.

use link_gateway::Session;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::names::{service_of, tool_of};
use crate::server::error;

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

/// The schema of a tool's arguments, which are an object.
fn schema(of: Option<&Value>) -> JsonObject {
    let schema = match of {
        Some(schema) if is_of_object(schema) => schema.clone(),
        Some(schema) => {
            let mut inner = schema.clone();
            let mut outer = json!({ "type": "object", "additionalProperties": false });
            if let Some(inner) = inner.as_object_mut() {
                inner.remove("$schema");
                // What it refers to is looked for at the top.
                outer["$defs"] = inner.remove("$defs").unwrap_or_else(|| json!({}));
            }
            outer["properties"] = json!({ VALUE: inner });
            outer
        }
        None => json!({ "type": "object", "properties": { VALUE: {} }, "additionalProperties": false }),
    };
    schema.as_object().cloned().unwrap_or_default()
}

fn is_of_object(schema: &Value) -> bool {
    schema["type"] == "object"
}

/// What a service is called with.
fn arguments(schema: Option<&Value>, mut given: JsonObject) -> Value {
    match schema {
        Some(schema) if is_of_object(schema) => given.into(),
        _ => given.remove(VALUE).unwrap_or(Value::Null),
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
