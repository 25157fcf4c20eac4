//! What is wanted of a device, and what it reports.

use alloc::string::String;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Fields by name, each any JSON value.
pub type Fields = Map<String, Value>;

/// What is wanted of a device, what it reports, and whether the one waits for the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct State {
    /// What was asked for last, field by field.
    #[serde(default)]
    pub desired: Fields,
    /// What the device reported last, field by field.
    #[serde(default)]
    pub reported: Fields,
    /// Whether something was asked for that the device has not reported yet.
    #[serde(default)]
    pub pending: bool,
    /// What somebody else keeps here.
    #[serde(flatten)]
    pub more: Fields,
}

impl State {
    /// Whether the device reported what was asked for in this field.
    pub(crate) fn is_met(&self, field: &str) -> bool {
        match (self.desired.get(field), self.reported.get(field)) {
            (Some(desired), Some(reported)) => is_same(desired, reported),
            (desired, _) => desired.is_none(),
        }
    }

    /// A state as rows have it; one of before there were desired and reported is both.
    pub(crate) fn read<'de, D: Deserializer<'de>>(row: D) -> Result<State, D::Error> {
        let parts = ["desired", "reported", "pending"];
        match Value::deserialize(row)? {
            Value::Null => Ok(State::default()),
            Value::Object(fields) if parts.iter().any(|part| fields.contains_key(*part)) => {
                State::deserialize(Value::Object(fields)).map_err(D::Error::custom)
            }
            Value::Object(fields) => Ok(State::of_both(fields)),
            _ => Err(D::Error::custom("state: an object is wanted")),
        }
    }

    fn of_both(mut fields: Fields) -> State {
        // The first devices had `power`, a word.
        if !fields.contains_key("on")
            && let Some(power) = fields.remove("power")
        {
            let on = matches!(power.as_str(), Some("on" | "true" | "1"))
                || power == true
                || power.as_i64() == Some(1);
            fields.insert("on".into(), Value::Bool(on));
        }
        State {
            desired: fields.clone(),
            reported: fields,
            ..State::default()
        }
    }
}

/// Whether two values are the same; 50 is the same as 50.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(row: Value) -> Result<State, serde_json::Error> {
        State::read(row)
    }

    #[test]
    fn states_of_all_ages_are_read() {
        let full = json!({"desired": {"on": true}, "reported": {"on": false}, "pending": true, "rev": 7});
        let state = read(full.clone()).unwrap();
        assert!(!state.is_met("on") && state.pending);
        assert_eq!(
            serde_json::to_value(&state).unwrap(),
            full,
            "also what is not known"
        );
        assert_eq!(read(json!(null)).unwrap(), State::default());
        for (old, on) in [
            (json!({"power": "on"}), true),
            (json!({"power": "off"}), false),
            (json!({"power": 1}), true),
            (json!({"power": true}), true),
            (json!({"on": true, "power": "off"}), true),
        ] {
            let state = read(old).unwrap();
            assert_eq!(
                (&state.desired["on"], &state.reported["on"]),
                (&json!(on), &json!(on))
            );
            assert!(!state.pending);
        }
        for wrong in [
            json!(5),
            json!([]),
            json!({"desired": []}),
            json!({"pending": "yes"}),
        ] {
            assert!(read(wrong).is_err());
        }
    }

    #[test]
    fn a_field_is_met_by_the_same_value() {
        let state = |desired: Value, reported: Value| {
            read(json!({"desired": {"x": desired}, "reported": {"x": reported}})).unwrap()
        };
        assert!(state(json!(50), json!(50.0)).is_met("x"));
        assert!(state(json!({"a": [1]}), json!({"a": [1]})).is_met("x"));
        assert!(!state(json!(50), json!("50")).is_met("x"));
        assert!(state(json!(1), json!(2)).is_met("never asked for"));
        assert!(!read(json!({"desired": {"x": 1}})).unwrap().is_met("x"));
    }
}
