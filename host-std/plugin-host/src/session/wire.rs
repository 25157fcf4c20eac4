//! JSON-RPC 2.0, one message a line: what is read and what is written.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::rpc_error::RpcError;

/// A line that the plugin wrote.
pub(super) enum Line<'a> {
    Request {
        id: &'a RawValue,
        method: Cow<'a, str>,
        params: Option<&'a RawValue>,
    },
    Notification {
        method: Cow<'a, str>,
        params: Option<&'a RawValue>,
    },
    Answer {
        id: u64,
        outcome: Result<&'a RawValue, RpcError>,
    },
}

#[derive(Deserialize)]
struct Raw<'a> {
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "there")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "there")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<RawError<'a>>,
}

#[derive(Deserialize)]
struct RawError<'a> {
    #[serde(default)]
    code: i64,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Data {
    code: String,
}

/// A `null` that is there is not the same as nothing.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The message in this line; `None` when it is none.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    let raw: Raw<'_> = serde_json::from_str(line).ok()?;
    if raw.jsonrpc != "2.0" {
        return None;
    }
    if let Some(method) = raw.method {
        let params = raw.params;
        return match raw.id {
            Some(id) if is_id(id.get()) => Some(Line::Request { id, method, params }),
            Some(_) => None,
            None => Some(Line::Notification { method, params }),
        };
    }
    let id = raw.id?.get().parse().ok()?;
    let outcome = match (raw.error, raw.result) {
        (Some(error), _) => Err(error_of(&error)),
        (None, Some(result)) => Ok(result),
        (None, None) => return None,
    };
    Some(Line::Answer { id, outcome })
}

/// A number, or a string of at most 64 bytes.
fn is_id(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '"') && id.len() <= 66
}

fn error_of(raw: &RawError<'_>) -> RpcError {
    let data = raw
        .data
        .and_then(|data| serde_json::from_str::<Data>(data.get()).ok());
    let code = match (data, raw.code) {
        (Some(data), _) => data.code,
        (None, -32602) => "invalid_argument".to_owned(),
        (None, -32601) => "not_found".to_owned(),
        _ => "error".to_owned(),
    };
    RpcError::new(&code, raw.message.clone())
}

/// Lines that are to be written to the plugin.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    next_id: u64,
}

impl Outgoing {
    /// What is still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or(&[])
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
    }

    /// A request; returns its number.
    pub(super) fn request(&mut self, method: &str, params: impl FnOnce(&mut Object<'_>)) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.push(b"{\"jsonrpc\":\"2.0\",\"id\":");
        self.push(id.to_string().as_bytes());
        self.rest_of_request(method, params);
        id
    }

    pub(super) fn notification(&mut self, method: &str, params: impl FnOnce(&mut Object<'_>)) {
        self.push(b"{\"jsonrpc\":\"2.0\"");
        self.rest_of_request(method, params);
    }

    fn rest_of_request(&mut self, method: &str, params: impl FnOnce(&mut Object<'_>)) {
        self.push(b",\"method\":\"");
        self.push(method.as_bytes());
        self.push(b"\",\"params\":{");
        params(&mut Object {
            bytes: &mut self.bytes,
            first: true,
        });
        self.push(b"}}\n");
    }

    /// The answer to a request of the plugin.
    pub(super) fn answer(&mut self, id: &RawValue, outcome: &Result<Vec<u8>, RpcError>) {
        self.push(b"{\"jsonrpc\":\"2.0\",\"id\":");
        self.push(id.get().as_bytes());
        match outcome {
            Ok(result) => {
                self.push(b",\"result\":");
                push_json(&mut self.bytes, result);
            }
            Err(error) => {
                self.push(b",\"error\":{\"code\":");
                self.push(error.number.to_string().as_bytes());
                self.push(b",\"message\":");
                push_value(&mut self.bytes, &error.message);
                self.push(b",\"data\":{\"code\":");
                push_value(&mut self.bytes, &error.code);
                self.push(b"}}");
            }
        }
        self.push(b"}\n");
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// The members of an object that is being written.
pub(super) struct Object<'a> {
    bytes: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    pub(super) fn value(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> &mut Self {
        self.key(key);
        push_value(self.bytes, value);
        self
    }

    /// A member that is JSON already.
    pub(super) fn json(&mut self, key: &str, json: &[u8]) -> &mut Self {
        self.key(key);
        push_json(self.bytes, json);
        self
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.bytes.push(b',');
        }
        push_value(self.bytes, key);
        self.bytes.push(b':');
    }
}

fn push_value(bytes: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing into memory does not fail, and no value here has keys that are not strings.
    let _ = serde_json::to_writer(bytes, value);
}

/// A line feed in JSON is white space; in a line it would be the end.
fn push_json(bytes: &mut Vec<u8>, json: &[u8]) {
    let start = bytes.len();
    bytes.extend_from_slice(json);
    if json.contains(&b'\n') {
        let added = bytes.iter_mut().skip(start);
        added.filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_told_from_what_is_one() {
        for noise in [
            "",
            "hello",
            "{}",
            "[]",
            "{\"level\":\"info\"}",
            "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":1}",
            "{\"jsonrpc\":\"2.0\",\"id\":1}",
            "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":1}",
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}",
            "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"result\":1}",
        ] {
            assert!(parse(noise).is_none(), "{noise}");
        }
        assert!(matches!(
            parse(r#"{"id":3,"result":null,"jsonrpc":"2.0","more":1}"#),
            Some(Line::Answer { id: 3, outcome: Ok(result) }) if result.get() == "null"
        ));
        assert!(matches!(
            parse(r#"{"jsonrpc":"2.0","id":"a","method":"log","params":{}}"#),
            Some(Line::Request { id, .. }) if id.get() == "\"a\""
        ));
        assert!(matches!(
            parse(r#"{"jsonrpc":"2.0","method":"log"}"#),
            Some(Line::Notification { params: None, .. })
        ));
    }

    #[test]
    fn an_error_has_a_word_in_any_case() {
        let error = |text: &str| match parse(text) {
            Some(Line::Answer {
                outcome: Err(error), ..
            }) => error.code,
            _ => String::new(),
        };
        assert_eq!(
            error(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32000,"message":"m","data":{"code":"cold"}}}"#),
            "cold"
        );
        assert_eq!(
            error(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"m"}}"#),
            "invalid_argument"
        );
        assert_eq!(
            error(r#"{"jsonrpc":"2.0","id":3,"error":{"message":"m","data":7}}"#),
            "error"
        );
    }

    #[test]
    fn a_message_is_one_line_whatever_json_it_carries() {
        let mut out = Outgoing::default();
        out.request("event", |event| {
            event.value("topic", "a\nb").json("payload", b"[1,\n 2]");
        });
        let text = std::str::from_utf8(out.rest()).unwrap();
        assert_eq!(
            text,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"event\",\"params\":{\"topic\":\"a\\nb\",\"payload\":[1,  2]}}\n"
        );
        out.advance(10);
        assert!(!out.rest().is_empty());
        out.advance(text_len());
        fn text_len() -> usize {
            1000
        }
        assert!(out.rest().is_empty());
    }
}
