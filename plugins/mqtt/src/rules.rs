//! The rules, checked.

use kernel_core::Error;
use mqtt_client::{Qos, Version};
use serde::Deserialize;
use serde_json::Value;

use crate::mapping::Mapping;
use crate::payload::Encoding;

/// The most rules.
const MAX_RULES: usize = 500;

/// What comes from the broker.
#[derive(Debug)]
pub(crate) struct FromBroker {
    pub(crate) filter: String,
    pub(crate) mapping: Mapping,
    pub(crate) qos: Qos,
    pub(crate) encoding: Encoding,
    pub(crate) retained: Retained,
}

/// What goes to the broker.
#[derive(Debug)]
pub(crate) struct ToBroker {
    pub(crate) filter: String,
    pub(crate) mapping: Mapping,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) encoding: Encoding,
}

/// What becomes of a message that the broker kept from before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Retained {
    /// It is published unless it was the last one of its topic.
    #[default]
    Once,
    /// It is published whenever the broker sends it.
    Always,
    /// It is passed over.
    Never,
}

/// The rules of both directions, in their order.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) from_broker: Vec<FromBroker>,
    pub(crate) to_broker: Vec<ToBroker>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    from_broker: Option<String>,
    to_topic: Option<String>,
    from_topic: Option<String>,
    to_broker: Option<String>,
    #[serde(default = "at_least_once")]
    qos: Qos,
    retain: Option<bool>,
    #[serde(default)]
    payload: Encoding,
    retained: Option<Retained>,
}

fn at_least_once() -> Qos {
    Qos::AtLeastOnce
}

impl Rules {
    /// Those of the setting `rules`.
    ///
    /// # Errors
    /// `invalid_settings` with the rule, the key, the value and what is allowed.
    pub(crate) fn read(value: Option<Value>, version: Version) -> Result<Self, Error> {
        let mut rules = Rules::default();
        let raw = match value {
            None => return Ok(rules),
            Some(Value::Array(raw)) if raw.len() <= MAX_RULES => raw,
            Some(other) => {
                return Err(refused(
                    "rules",
                    &other,
                    &format!("a list of at most {MAX_RULES} rules"),
                ));
            }
        };
        for (at, raw) in raw.into_iter().enumerate() {
            rules.add(&format!("rules[{at}]"), raw)?;
        }
        if version == Version::V3 {
            rules.check_echoes()?;
        }
        Ok(rules)
    }

    fn add(&mut self, key: &str, raw: Value) -> Result<(), Error> {
        let shown = raw.clone();
        let raw: Raw = serde_json::from_value(raw)
            .map_err(|error| Error::format("invalid_settings", format_args!("{key}: {error}")))?;
        let (qos, encoding) = (raw.qos, raw.payload);
        match (raw.from_broker, raw.to_topic, raw.from_topic, raw.to_broker) {
            (Some(filter), Some(topic), None, None) if raw.retain.is_none() => {
                self.from_broker.push(FromBroker {
                    mapping: mapping(
                        key,
                        [("from_broker", &filter), ("to_topic", &topic)],
                        &filter,
                        &topic,
                    )?,
                    filter,
                    qos,
                    encoding,
                    retained: raw.retained.unwrap_or_default(),
                });
            }
            (None, None, Some(topic), Some(filter)) if raw.retained.is_none() => {
                self.to_broker.push(ToBroker {
                    mapping: mapping(
                        key,
                        [("to_broker", &filter), ("from_topic", &topic)],
                        &filter,
                        &topic,
                    )?,
                    filter: topic,
                    qos,
                    encoding,
                    retain: raw.retain.unwrap_or(false),
                });
            }
            _ => {
                let allowed = "from_broker and to_topic with qos, payload and retained, or from_topic and to_broker with \
                               qos, payload and retain";
                return Err(refused(key, &shown, allowed));
            }
        }
        Ok(())
    }

    /// MQTT 3.1.1 sends a client what it published itself.
    fn check_echoes(&self) -> Result<(), Error> {
        for from in &self.from_broker {
            if self.to_broker.iter().any(|to| to.mapping.overlaps(&from.mapping)) {
                let allowed = "with version 3.1.1 a filter that matches nothing of what a to_broker makes, for that would \
                               come back; or version 5";
                return Err(refused(
                    "from_broker",
                    &Value::from(from.filter.as_str()),
                    allowed,
                ));
            }
        }
        Ok(())
    }
}

fn mapping(key: &str, given: [(&str, &String); 2], broker: &str, bus: &str) -> Result<Mapping, Error> {
    Mapping::new(broker, bus).map_err(|wrong| {
        let [(of_broker, broker), (of_bus, bus)] = given;
        let (name, value) = match wrong {
            crate::mapping::Wrong::Bus => (of_bus, bus),
            _ => (of_broker, broker),
        };
        refused(
            &format!("{key}.{name}"),
            &Value::from(value.as_str()),
            &wrong.allowed(),
        )
    })
}

fn refused(key: &str, value: &Value, allowed: &str) -> Error {
    let shown: String = value.to_string().chars().take(120).collect();
    Error::format(
        "invalid_settings",
        format_args!("{key} is {shown}; allowed is {allowed}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(rules: Value, version: Version) -> String {
        let error = Rules::read(Some(rules), version).unwrap_err();
        assert_eq!(error.code(), "invalid_settings");
        error.message().to_owned()
    }

    #[test]
    fn both_directions() {
        let rules = json!([
            {"from_broker": "zigbee/+", "to_topic": "zigbee.*", "qos": 0, "payload": "text", "retained": "never"},
            {"from_topic": "device.>", "to_broker": "home/#", "retain": true},
        ]);
        let rules = Rules::read(Some(rules), Version::V5).unwrap();
        let (from, to) = (&rules.from_broker[0], &rules.to_broker[0]);
        assert_eq!(
            (from.qos, from.encoding, from.retained),
            (Qos::AtMostOnce, Encoding::Text, Retained::Never)
        );
        assert_eq!(
            (to.qos, to.encoding, to.retain),
            (Qos::AtLeastOnce, Encoding::Json, true)
        );
    }

    #[test]
    fn a_mistake_names_the_rule_the_key_the_value_and_what_is_allowed() {
        for (rules, expected) in [
            (json!({}), "rules is {}; allowed is a list"),
            (json!([{"from_broker": "a"}]), "rules[0] is "),
            (
                json!([{"from_broker": "a", "to_topic": "a", "retain": true}]),
                "rules[0] is ",
            ),
            (
                json!([{"from_topic": "a", "to_broker": "a", "qos": 3}]),
                "qos is 3; allowed is 0, 1 or 2",
            ),
            (
                json!([{"from_topic": "a", "to_broker": "a", "payload": "xml"}]),
                "rules[0]: unknown variant `xml`",
            ),
            (
                json!([{"form_broker": "a"}]),
                "rules[0]: unknown field `form_broker`",
            ),
            (
                json!([{"from_broker": "a/#/b", "to_topic": "a"}]),
                r#"rules[0].from_broker is "a/#/b"; allowed is"#,
            ),
            (
                json!([{"from_broker": "+", "to_topic": "a"}]),
                "rules[0].from_broker is \"+\"; allowed is a pair",
            ),
            (
                json!([{"from_topic": "a..b", "to_broker": "a"}]),
                r#"rules[0].from_topic is "a..b""#,
            ),
        ] {
            let error = refusal(rules, Version::V5);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_would_come_back_is_refused_where_the_protocol_lets_it() {
        let rules = json!([
            {"from_broker": "home/+/state", "to_topic": "home.*.state"},
            {"from_topic": "home.*.set", "to_broker": "home/+/set"},
            {"from_topic": "all.>", "to_broker": "home/#"},
        ]);
        Rules::read(Some(rules.clone()), Version::V5).unwrap();
        let error = refusal(rules, Version::V3);
        assert!(error.contains(r#"from_broker is "home/+/state""#), "{error}");
    }
}
