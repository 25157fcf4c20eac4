//! State and events as resources.

use std::fmt::Write;

use kernel_link::Request;
use link_gateway::{Answer, Seen, Session};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rmcp::ErrorData;
use rmcp::model::{ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use crate::errors::error;

const STATE: &str = "runtime://state/";
const EVENTS: &str = "runtime://events/";
const JSON: &str = "application/json";

/// State entries of a page.
const PAGE: usize = 200;
/// Events of an answer, and their bytes.
const RECENT: usize = 100;
const RECENT_BYTES: usize = 64 * 1024;

/// A page of the state entries. A key that may not read them all has none listed, and reads those it may.
pub(crate) async fn list(session: &Session, after: Option<String>) -> Result<ListResourcesResult, ErrorData> {
    let mut cursor = match after {
        Some(after) => after
            .parse()
            .map_err(|_| ErrorData::invalid_params(format!("{after:?} is no cursor of a page"), None))?,
        None => 0,
    };
    let mut page = ListResourcesResult::default();
    while page.resources.len() < PAGE {
        match session.ask(Request::StateEntry { prefix: "", cursor }).await {
            Ok(Answer::State(entry, behind)) => {
                let uri = format!("{STATE}{}", utf8_percent_encode(&entry.key, NON_ALPHANUMERIC));
                let about = format!(
                    "State value, version {}, written by {}",
                    entry.version, entry.owner
                );
                let resource = Resource::new(uri, entry.key)
                    .with_description(about)
                    .with_mime_type(JSON);
                page.resources.push(resource);
                cursor = behind;
            }
            Ok(_) => return Ok(page),
            Err(failure) if failure.code == "denied" && !failure.locked_out => return Ok(page),
            Err(failure) => return Err(error(failure)),
        }
    }
    page.next_cursor = Some(cursor.to_string());
    Ok(page)
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(format!("{STATE}{{key}}"), "state")
            .with_description("A value of the coordination state")
            .with_mime_type(JSON),
        ResourceTemplate::new(format!("{EVENTS}{{filter}}"), "events")
            .with_description(
                "The newest events that match: a topic in which * stands for one word and a last > for all that follow",
            )
            .with_mime_type(JSON),
    ]
}

/// What a URI names.
pub(crate) enum Named {
    /// A state value, by its key.
    State(String),
    /// The newest events that match a filter.
    Events(String),
}

/// What the URI names.
pub(crate) fn named(uri: &str) -> Result<Named, ErrorData> {
    let name = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map_err(|_| ErrorData::invalid_params(format!("{uri} is no text"), None))
            .map(String::from)
    };
    if let Some(key) = uri.strip_prefix(STATE) {
        Ok(Named::State(name(key)?))
    } else if let Some(filter) = uri.strip_prefix(EVENTS) {
        Ok(Named::Events(name(filter)?))
    } else {
        let message = format!("{uri} is no resource; there are {STATE}KEY and {EVENTS}FILTER");
        Err(ErrorData::resource_not_found(message, None))
    }
}

pub(crate) fn contents(text: String, uri: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(JSON)])
}

pub(crate) async fn state(session: &Session, key: &str) -> Result<String, ErrorData> {
    match session.ask(Request::StateGet { key }).await.map_err(error)? {
        Answer::State(entry, _) => Ok(json!(entry).to_string()),
        _ => Err(ErrorData::resource_not_found(
            format!("there is no state value {key}"),
            None,
        )),
    }
}

pub(crate) async fn events(session: &Session, filter: &str) -> Result<String, ErrorData> {
    let recent = session
        .recent(filter, RECENT, RECENT_BYTES)
        .await
        .map_err(error)?;
    let mut text = String::from("[");
    for seen in recent {
        let comma = if text.len() > 1 { ",\n" } else { "" };
        // Writing to a string does not fail.
        let _ = match seen {
            Seen::Event { json, .. } => write!(text, "{comma}{json}"),
            Seen::Lost(lost) => write!(text, "{comma}{}", json!(lost)),
        };
    }
    text.push(']');
    Ok(text)
}
