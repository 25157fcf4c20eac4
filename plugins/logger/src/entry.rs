//! An entry, and the one line of JSON that it is from then on.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::level::LogLevel;
use crate::types::LogCall;

/// The most bytes of a message.
pub const MAX_MESSAGE: usize = 4096;

/// The most bytes of a context.
pub const MAX_CONTEXT: usize = 4096;

/// The most bytes of `plugin` and `operation_id`.
pub const MAX_NAME: usize = 128;

/// The most levels of a context: an answer has some around it.
const MAX_LEVELS: usize = 16;

/// An entry, as it stands in the file and in answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogEntry<'a> {
    /// From 1 on; later ones are larger.
    pub id: u64,
    /// Milliseconds since the Unix epoch; `None` where nobody has set the clock.
    pub time: Option<u64>,
    /// How much it matters.
    pub level: LogLevel,
    /// Who called.
    pub source: &'a str,
    /// Whose it is, by the caller's word.
    pub plugin: &'a str,
    /// What is said.
    pub message: &'a str,
    /// What belongs to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<&'a str>,
    /// A text was too long, or the context too deep.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Entries of this caller before it that were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> LogEntry<'a> {
    /// The entry that a call is for.
    pub(crate) fn new(
        id: u64,
        time: Option<u64>,
        source: &'a str,
        call: &'a mut LogCall,
        left_out: u64,
    ) -> Self {
        let (context, more) = (call.context.take(), std::mem::take(&mut call.more));
        let call = &*call;
        let mut is_cut = false;
        let mut cut = |text: &'a str, most: usize| {
            let short = shortened(text, most);
            is_cut |= short.len() < text.len();
            short
        };
        let message = cut(&call.message, MAX_MESSAGE);
        let plugin = cut(call.plugin.as_deref().unwrap_or(source), MAX_NAME);
        let operation_id = call.operation_id.as_deref().map(|id| cut(id, MAX_NAME));
        let (context, is_shortened) = kept(joined(context, more));
        LogEntry {
            id,
            time,
            level: call.level,
            source,
            plugin,
            message,
            context,
            operation_id,
            cut: is_cut || is_shortened,
            left_out,
        }
    }

    /// One line of JSON, without its end, of characters that drive no terminal.
    pub(crate) fn line(&self) -> String {
        // Texts, numbers and JSON have a JSON.
        let text = serde_json::to_string(self).unwrap_or_default();
        if !text.chars().any(drives) {
            return text;
        }
        let mut line = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            if drives(c) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // A string has room.
                    let _ = write!(line, "\\u{unit:04x}");
                }
            } else {
                line.push(c);
            }
        }
        line
    }
}

/// Characters that a terminal does something by, or that end a line somewhere; they are in texts alone, whose other
/// control characters JSON escapes by itself.
fn drives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn shortened(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The context with what came by further names.
fn joined(context: Option<Value>, mut more: Map<String, Value>) -> Option<Value> {
    if more.is_empty() {
        return context;
    }
    match context {
        Some(Value::Object(fields)) => more.extend(fields),
        Some(other) => drop(more.insert("context".to_owned(), other)),
        None => {}
    }
    Some(Value::Object(more))
}

/// The context, or its text where it is too large; and whether it is.
fn kept(context: Option<Value>) -> (Option<Value>, bool) {
    let Some(context) = context else {
        return (None, false);
    };
    let text = context.to_string();
    if text.len() <= MAX_CONTEXT && levels(&context) <= MAX_LEVELS {
        return (Some(context), false);
    }
    (Some(shortened(&text, MAX_CONTEXT).into()), true)
}

/// How deep it nests; the kernel has seen to it that this is not much.
fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(args: Value) -> LogCall {
        serde_json::from_value(args).unwrap()
    }

    #[test]
    fn an_entry_is_one_line_that_drives_no_terminal() {
        let nasty = "a\nb\r\u{1b}[2J\u{9b}1m\u{7f}\u{202e}\u{2028}\u{e0041}\0 привет 👍 \"\\";
        let mut said = call(json!({"message": nasty, "plugin": "p\n", "context": {"k\u{85}": "\u{1b}"}}));
        let line = LogEntry::new(1, None, "zigbee", &mut said, 0).line();
        assert!(!line.chars().any(drives), "{line:?}");
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&back["message"], &back["plugin"]),
            (&json!(nasty), &json!("p\n"))
        );
        assert_eq!(back["context"], json!({"k\u{85}": "\u{1b}"}));
        assert!(line.contains("привет 👍"), "{line}");
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_cut_and_says_so() {
        let mut deep = json!(1);
        for _ in 0..=MAX_LEVELS {
            deep = json!([deep]);
        }
        for (args, is_cut) in [
            (json!({"message": "ж".repeat(MAX_MESSAGE / 2)}), false),
            (json!({"message": "ж".repeat(MAX_MESSAGE)}), true),
            (json!({"message": "", "plugin": "p".repeat(MAX_NAME + 1)}), true),
            (json!({"message": "", "operation_id": "ж".repeat(MAX_NAME)}), true),
            (json!({"message": "", "context": "c".repeat(MAX_CONTEXT)}), true),
            (json!({"message": "", "context": deep}), true),
            (json!({"message": "", "context": {"a": [1, 2]}}), false),
        ] {
            let mut said = call(args.clone());
            let entry = LogEntry::new(1, Some(5), "a", &mut said, 3);
            assert_eq!(entry.cut, is_cut, "{args:.60}");
            let line = entry.line();
            assert!(line.len() < 2 * MAX_MESSAGE + 600, "{}", line.len());
            let back: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&back["left_out"], &back["time"]), (&json!(3), &json!(5)));
        }
    }

    #[test]
    fn further_names_are_kept_in_the_context() {
        for (args, context) in [
            (json!({"message": "", "room": "hall"}), json!({"room": "hall"})),
            (
                json!({"message": "", "room": "hall", "context": {"a": 1}}),
                json!({"room": "hall", "a": 1}),
            ),
            (
                json!({"message": "", "room": "hall", "context": [1]}),
                json!({"room": "hall", "context": [1]}),
            ),
            (json!({"message": "", "context": null}), Value::Null),
        ] {
            let mut said = call(args);
            let entry = LogEntry::new(1, None, "a", &mut said, 0);
            assert_eq!(entry.context.unwrap_or_default(), context);
        }
    }
}
