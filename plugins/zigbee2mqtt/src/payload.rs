//! Payloads of messages.

use serde_json::Value;

/// `{"state": "online"}`, or what older versions say: the word alone.
pub(crate) fn availability(payload: &[u8]) -> Result<bool, &'static str> {
    let word = match serde_json::from_slice::<Value>(payload) {
        Ok(value) => text(&value, "state").map(String::from),
        Err(_) => std::str::from_utf8(payload).ok().map(String::from),
    };
    match word.as_deref() {
        Some("online") => Ok(true),
        Some("offline") => Ok(false),
        _ => Err("neither online nor offline"),
    }
}

/// JSON.
pub(crate) fn parsed(payload: &[u8]) -> Result<Value, &'static str> {
    serde_json::from_slice(payload).map_err(|_| "a payload that is not JSON")
}

/// A text in an object.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}
