//! The series in a value: each scalar in it is one.

use alloc::borrow::ToOwned;
use alloc::string::String;

use serde_json::Value;

/// The longest name of a series, in bytes: a key of the storage has 255, with a day before it.
pub const MAX_SERIES_NAME: usize = 200;

/// The longest text that is kept, in bytes.
pub const MAX_TEXT: usize = 128;

/// Scalars of one event, and how deep they are looked for.
const MAX_FIELDS: usize = 64;
const MAX_DEPTH: usize = 8;

/// Calls `found` with the series' name and each scalar of the value; lists are none, nor is what is too much. How many
/// were left out.
pub(crate) fn scalars(name: &str, value: &Value, found: &mut dyn FnMut(&str, Value)) -> u64 {
    let mut walk = Walk {
        found,
        left: MAX_FIELDS,
        refused: 0,
    };
    walk.value(&mut name.to_owned(), value, 0);
    walk.refused
}

struct Walk<'f> {
    found: &'f mut dyn FnMut(&str, Value),
    left: usize,
    refused: u64,
}

impl Walk<'_> {
    fn value(&mut self, name: &mut String, value: &Value, depth: usize) {
        match value {
            Value::Object(fields) if depth < MAX_DEPTH => {
                for (field, value) in fields {
                    let len = name.len();
                    name.push('.');
                    name.push_str(field);
                    self.value(name, value, depth + 1);
                    name.truncate(len);
                }
            }
            Value::Array(_) => {}
            Value::Object(_) => self.refused += 1,
            _ if self.left == 0 || !is_name(name) => self.refused += 1,
            scalar => {
                self.left -= 1;
                (self.found)(name, shortened(scalar));
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_SERIES_NAME && !name.chars().any(char::is_control)
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => text[..text.floor_char_boundary(MAX_TEXT)].into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use serde_json::json;

    fn found(value: &Value) -> (Vec<(String, Value)>, u64) {
        let mut all = Vec::new();
        let refused = scalars("lamp", value, &mut |name, value| {
            all.push((name.to_owned(), value))
        });
        (all, refused)
    }

    #[test]
    fn each_scalar_is_a_series() {
        let value = json!({"on": true, "color": {"x": 0.3, "name": "red"}, "modes": ["a"], "none": null});
        let names = [
            ("lamp.color.name", json!("red")),
            ("lamp.color.x", json!(0.3)),
            ("lamp.none", json!(null)),
            ("lamp.on", json!(true)),
        ];
        assert_eq!(
            found(&value),
            (names.map(|(name, value)| (name.to_owned(), value)).into(), 0)
        );
        assert_eq!(found(&json!(5)), (Vec::from([("lamp".to_owned(), json!(5))]), 0));
    }

    #[test]
    fn what_is_too_much_is_left_out_and_counted() {
        let many: serde_json::Map<_, _> = (0..100)
            .map(|number| (format!("f{number:03}"), json!(1)))
            .collect();
        let (all, refused) = found(&Value::Object(many));
        assert_eq!((all.len(), refused), (MAX_FIELDS, 100 - MAX_FIELDS as u64));
        let mut deep = json!(1);
        for _ in 0..=MAX_DEPTH {
            deep = json!({"d": deep});
        }
        assert_eq!(found(&deep), (Vec::new(), 1));
        assert_eq!(
            found(&json!({"n".repeat(MAX_SERIES_NAME): 1, "a\n": 2})),
            (Vec::new(), 2)
        );
        let (all, _) = found(&json!("ж".repeat(MAX_TEXT)));
        assert_eq!(all[0].1.as_str().map(str::len), Some(MAX_TEXT));
    }
}
