//! The interface as an OpenAPI document, made of what the plugins say of their services now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;

/// `GET /openapi.json`
pub(crate) async fn document(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let services = caller.session(&shared).await?.described_services().await?;
    Ok(reply::json(&of(&services)))
}

/// The document with these services.
fn of(services: &[Value]) -> Value {
    let (mut paths, mut schemas) = (fixed(), Map::new());
    let error = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
    });
    schemas.insert("Error".to_owned(), error);
    for service in services {
        let Some(name) = service["name"].as_str() else {
            continue;
        };
        paths.insert(
            format!("/api/call/{name}"),
            json!({ "post": call(name, service, &mut schemas) }),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Core Runtime",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The services of the plugins that run now, the events, the state and the storage.",
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
            "responses": {
                "Error": {
                    "description": "It was not done, for this reason",
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
                },
            },
        },
    })
}

fn call(name: &str, service: &Value, schemas: &mut Map<String, Value>) -> Value {
    let mut body = json!({ "schema": schema(service.get("schema"), &format!("{name}.args"), schemas) });
    let returns = schema(service.get("returns"), &format!("{name}.reply"), schemas);
    let examples = service["examples"].as_array().into_iter().flatten();
    let examples: Map<String, Value> = examples
        .enumerate()
        .map(|(at, example)| (format!("example {}", at + 1), json!({ "value": example })))
        .collect();
    if !examples.is_empty() {
        body["examples"] = examples.into();
    }
    let summary = service["description"]
        .as_str()
        .unwrap_or("")
        .lines()
        .next()
        .unwrap_or("");
    operation(
        name,
        summary,
        service["plugin"].as_str().unwrap_or(""),
        json!({
            "deprecated": service["deprecated"] == true,
            "description": service["description"],
            "parameters": [{
                "name": "timeout_ms", "in": "query",
                "schema": { "type": "integer", "minimum": 1, "maximum": crate::calls::LONGEST },
            }],
            "requestBody": { "content": { "application/json": body } },
            "x-reads": service["reads"] == true,
            "responses": {
                "200": { "description": "The reply", "content": {
                    "application/json": { "schema": returns },
                } },
            },
        }),
    )
}

/// A schema within the document: what it refers to is put among `schemas`, below the name of who refers to it.
fn schema(of: Option<&Value>, owner: &str, schemas: &mut Map<String, Value>) -> Value {
    let mut schema = of.cloned().unwrap_or_else(|| json!({}));
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    let owner = owner.replace(|letter| !allowed(letter), "_");
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
        if let Some(Value::Object(defs)) = object.remove("$defs") {
            for (name, mut def) in defs {
                refer(&mut def, &owner);
                schemas.insert(format!("{owner}.{name}"), def);
            }
        }
    }
    refer(&mut schema, &owner);
    schema
}

/// Lets references within a schema be ones within the document.
fn refer(schema: &mut Value, owner: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "$ref" => {
                        if let Some(def) = text.strip_prefix("#/$defs/") {
                            *text = format!("#/components/schemas/{owner}.{def}");
                        }
                    }
                    value => refer(value, owner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, owner)),
        _ => {}
    }
}

/// An operation, with what all have.
fn operation(id: &str, summary: &str, tag: &str, mut more: Value) -> Value {
    more["operationId"] = id.into();
    more["summary"] = summary.into();
    more["tags"] = json!([tag]);
    more["responses"]["default"] = json!({ "$ref": "#/components/responses/Error" });
    more
}

fn parameter(name: &str, place: &str, kind: &str) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": kind } })
}

fn answers(description: &str, kind: &str) -> Value {
    json!({ "200": { "description": description, "content": { kind: { "schema": {} } } } })
}

fn done(description: &str) -> Value {
    json!({ "204": { "description": description } })
}

/// What is there whatever the plugins.
fn fixed() -> Map<String, Value> {
    let json = "application/json";
    let any_body = json!({ "content": { json: { "schema": {} } } });
    let read = |id: &str, summary: &str, tag: &str, parameters: Value| {
        let responses = answers(summary, json);
        operation(
            id,
            summary,
            tag,
            json!({ "parameters": parameters, "responses": responses }),
        )
    };
    let page = [
        parameter("limit", "query", "integer"),
        parameter("after", "query", "string"),
    ];
    let (key, namespace) = (
        parameter("key", "path", "string"),
        parameter("namespace", "path", "string"),
    );
    let stored = json!([namespace, key]);
    let paths = json!({
        "/api/events": { "get": operation("watch", "Events, as they are published", "events", json!({
            "parameters": [
                parameter("filter", "query", "string"), parameter("since", "query", "string"),
                parameter("Last-Event-ID", "header", "string"),
            ],
            "responses": answers("Server-sent events", "text/event-stream"),
        })) },
        "/api/events/{topic}": { "post": operation("publish", "Publish an event", "events", json!({
            "parameters": [parameter("topic", "path", "string")],
            "requestBody": any_body,
            "responses": answers("How many plugins get it", json),
        })) },
        "/api/ws": { "get": operation("websocket", "Calls and events over a WebSocket", "events", json!({
            "security": [{ "key": [] }, {}],
            "responses": { "101": { "description": "A WebSocket" } },
        })) },
        "/api/state": { "get": read("state.list", "State entries", "state",
            json!([parameter("prefix", "query", "string"), page[0], page[1]])) },
        "/api/state/{key}": {
            "get": read("state.get", "A state value; its version is the ETag", "state", json!([key])),
            "put": operation("state.set", "Set a state value", "state", json!({
                "parameters": [
                    key, parameter("ttl_ms", "query", "integer"),
                    parameter("If-Match", "header", "string"), parameter("If-None-Match", "header", "string"),
                ],
                "requestBody": any_body,
                "responses": answers("Its version", json),
            })),
            "delete": operation("state.delete", "Delete a state value", "state", json!({
                "parameters": [key, parameter("If-Match", "header", "string")],
                "responses": done("It is deleted"),
            })),
        },
        "/api/storage": { "get": read("storage.namespaces", "Namespaces", "storage", json!(page)) },
        "/api/storage/{namespace}": {
            "get": read("storage.keys", "Keys of a namespace", "storage", json!([namespace, page[0], page[1]])),
            "delete": read("storage.clear", "Delete all of a namespace", "storage", json!([namespace])),
        },
        "/api/storage/{namespace}/{key}": {
            "get": read("storage.get", "A stored value", "storage", stored.clone()),
            "put": operation("storage.set", "Store a value", "storage", json!({
                "parameters": stored, "requestBody": any_body, "responses": done("It is durable"),
            })),
            "delete": operation("storage.delete", "Delete a stored value", "storage", json!({
                "parameters": stored, "responses": done("It is deleted"),
            })),
        },
        "/api/plugins": { "get": read("plugins", "Plugins", "plugins", json!([])) },
        "/api/plugins/{name}/{action}": {
            "post": read("plugins.lead", "Load, start, stop, unload or reload a plugin", "plugins",
                json!([parameter("name", "path", "string"), {
                    "name": "action", "in": "path", "required": true,
                    "schema": { "enum": ["load", "start", "stop", "unload", "reload"] },
                }])),
        },
        "/api/services": { "get": read("services", "Services", "plugins", json!([])) },
        "/metrics": { "get": operation("metrics", "Metrics", "monitoring", json!({
            "responses": answers("OpenMetrics", "application/openmetrics-text"),
        })) },
        "/healthz": { "get": operation("healthz", "Whether the runtime is well", "monitoring", json!({
            "security": [],
            "responses": {
                "200": { "description": "It is" },
                "503": { "description": "It is not" },
            },
        })) },
    });
    match paths {
        Value::Object(paths) => paths,
        _ => Map::new(),
    }
}
