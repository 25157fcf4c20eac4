//! Values, and texts that are JSON, nearly JSON, or nothing like it; what `serde_json` says to them.

use kernel_next::json::MAX_DEPTH;
use proptest::prelude::*;
use serde_json::Value;

/// Values whose floats `serde_json` reads exactly.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,20}",
        "[\"\\\\/\n\r\t\\x00-\\x1f a-c]{0,12}",
        "[а-яё😀€\\x7f]{0,8}",
        any::<String>(),
    ]
}

/// A string as JSON in which each UTF-16 unit is an escape.
pub(crate) fn all_escapes(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

/// JSON texts in various spellings.
fn json_text() -> impl Strategy<Value = String> {
    prop_oneof![
        value().prop_map(|value| value.to_string()),
        value().prop_map(|value| serde_json::to_string_pretty(&value).unwrap()),
        text().prop_map(|text| all_escapes(&text)),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?",
        (0usize..40, value())
            .prop_map(|(depth, value)| "[".repeat(depth) + &value.to_string() + &"]".repeat(depth)),
    ]
}

/// A text with some bytes removed, replaced or added.
pub(crate) fn near_json() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        prop::sample::select(&b" \t\n\"\\{}[],:0123456789.eE+-tfnu/\x00\x1f\xc3\xa9\xed\xa0\xf4"[..]),
        any::<u8>(),
    ];
    let change = (any::<prop::sample::Index>(), 0..4u8, byte);
    (json_text(), prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (index, kind, byte) in changes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                2 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.truncate(at.max(bytes.len() / 2)),
            }
        }
        bytes
    })
}

/// Bytes that look like JSON without being made from it.
pub(crate) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(
        &[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"a\":", "1", "0", "-", ".", "e", "true",
            "false", "null", "nul", " ", "\n", "\\u", "d83d", "de00", "\\n", "é", "12",
        ][..],
    );
    prop_oneof![
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..10),
    ]
}

fn depth(bytes: &[u8]) -> u32 {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0u32, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What `serde_json` says; `None` where it stopped at the range of a number.
pub(crate) fn expected(bytes: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(_) => Some(depth(bytes) <= MAX_DEPTH),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(_) => Some(false),
    }
}
