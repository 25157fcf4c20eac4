//! A property of a device: what it is called on either side, which values it takes, and how one becomes the other.

use serde_json::{Map, Value, json};

/// A property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    /// What it is called in the house.
    pub(crate) field: String,
    /// What it is called in Zigbee2MQTT's messages.
    pub(crate) wire: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<String>,
    pub(crate) access: Access,
    /// Whether it belongs to what the device is for, such as the `state` of a light.
    pub(crate) is_main: bool,
}

/// What may be done with a property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Access {
    /// It is in the device's state.
    pub(crate) published: bool,
    /// It can be set.
    pub(crate) set: bool,
    /// It can be asked for.
    pub(crate) get: bool,
}

impl Access {
    /// Of the bits of `access`: 1 published, 2 set, 4 get.
    pub(crate) fn of_bits(bits: u64) -> Access {
        Access {
            published: bits & 1 != 0,
            set: bits & 2 != 0,
            get: bits & 4 != 0,
        }
    }
}

/// The values of a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// True and false, and what these are in messages.
    Switch {
        on: Value,
        off: Value,
    },
    /// A number.
    Number(Range),
    /// Percent in the house, 0 to this number in messages.
    Percent {
        of: f64,
    },
    /// One of these.
    Choice(Vec<Value>),
    Text,
    /// An object of properties.
    Composite(Vec<Property>),
    /// An array.
    List {
        item: Box<Kind>,
        least: Option<u64>,
        most: Option<u64>,
    },
}

/// The numbers that a property takes, where they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) step: Option<f64>,
}

impl Property {
    /// What it is, in the words of JSON Schema.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Some(unit) = &self.unit {
            schema.insert("unit".into(), json!(unit));
        }
        if !self.access.set {
            schema.insert("readOnly".into(), json!(true));
        } else if !self.access.published {
            schema.insert("writeOnly".into(), json!(true));
        }
        Value::Object(schema)
    }

    /// A value of a command, as Zigbee2MQTT takes it.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub(crate) fn encode(&self, value: &Value) -> Result<Value, String> {
        if !self.access.set {
            return Err(format!("{}: it can only be read", self.field));
        }
        self.kind.encode(&self.field, value)
    }
}

impl Kind {
    fn schema(&self) -> Map<String, Value> {
        let schema = match self {
            Kind::Switch { .. } => json!({"type": "boolean"}),
            Kind::Percent { .. } => json!({"type": "number", "minimum": 0, "maximum": 100}),
            Kind::Number(range) => {
                let mut schema = json!({"type": "number"});
                for (key, value) in [
                    ("minimum", range.min),
                    ("maximum", range.max),
                    ("multipleOf", range.step),
                ] {
                    if let Some(value) = value {
                        schema[key] = number(value);
                    }
                }
                schema
            }
            Kind::Choice(values) => json!({"enum": values}),
            Kind::Text => json!({"type": "string"}),
            Kind::Composite(members) => {
                let members = members
                    .iter()
                    .map(|member| (member.field.clone(), member.schema()));
                json!({"type": "object", "properties": members.collect::<Map<_, _>>()})
            }
            Kind::List { item, least, most } => {
                let mut schema = json!({"type": "array", "items": item.schema()});
                for (key, value) in [("minItems", least), ("maxItems", most)] {
                    if let Some(value) = value {
                        schema[key] = json!(value);
                    }
                }
                schema
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }

    /// Whether it is one value, which can be asked for by its name.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Kind::Composite(_) | Kind::List { .. })
    }

    /// A value of a message, as the house has it; `None` for one of another kind.
    pub(crate) fn decode(&self, value: &Value) -> Option<Value> {
        match self {
            Kind::Switch { on, .. } if value == on => Some(json!(true)),
            Kind::Switch { off, .. } if value == off => Some(json!(false)),
            Kind::Switch { .. } => None,
            Kind::Number(_) => value.is_number().then(|| value.clone()),
            Kind::Percent { of } => {
                let share = value.as_f64()? / of * 100.0;
                Some(number(share.round().max(least_of(share)).clamp(0.0, 100.0)))
            }
            // A device may say more than it takes.
            Kind::Choice(_) => (value.is_string() || value.is_number()).then(|| value.clone()),
            Kind::Text => value.is_string().then(|| value.clone()),
            Kind::Composite(members) => {
                let known = value.as_object()?;
                let fields = members.iter().filter_map(|member| {
                    let value = member.kind.decode(known.get(&member.wire)?)?;
                    Some((member.field.clone(), value))
                });
                Some(Value::Object(fields.collect()))
            }
            Kind::List { item, .. } => {
                let items = value.as_array()?.iter().map(|value| item.decode(value));
                items.collect::<Option<_>>().map(Value::Array)
            }
        }
    }

    fn encode(&self, field: &str, value: &Value) -> Result<Value, String> {
        let refused = |allowed: &str| Err(format!("{field}: {}; allowed is {allowed}", shown(value)));
        match self {
            Kind::Switch { on, off } => match value {
                Value::Bool(true) => Ok(on.clone()),
                // What can be done and not undone has no other side.
                Value::Bool(false) if !off.is_null() => Ok(off.clone()),
                _ if off.is_null() => refused("true"),
                _ => refused("true or false"),
            },
            Kind::Number(range) => match value.as_f64().filter(|value| range.has(*value)) {
                Some(_) => Ok(value.clone()),
                None => refused(&range.words()),
            },
            Kind::Percent { of } => match value.as_f64().filter(|value| (0.0..=100.0).contains(value)) {
                Some(percent) => {
                    let share = percent / 100.0 * of;
                    Ok(number(share.round().max(least_of(share))))
                }
                None => refused("a number from 0 to 100"),
            },
            Kind::Choice(values) => match values.contains(value) {
                true => Ok(value.clone()),
                false => {
                    let values: Vec<_> = values.iter().map(shown).collect();
                    refused(&format!("one of {}", values.join(", ")))
                }
            },
            Kind::Text if value.is_string() => Ok(value.clone()),
            Kind::Text => refused("a text"),
            Kind::Composite(members) => match value {
                Value::Object(given) if !given.is_empty() => encode_members(field, members, given),
                _ => {
                    let names: Vec<_> = members.iter().map(|member| member.field.as_str()).collect();
                    refused(&format!("an object of {}", names.join(", ")))
                }
            },
            Kind::List { item, least, most } => {
                let fits = |len: usize| {
                    least.is_none_or(|least| len as u64 >= least)
                        && most.is_none_or(|most| len as u64 <= most)
                };
                match value {
                    Value::Array(items) if fits(items.len()) => {
                        let items = items.iter().enumerate();
                        let items = items.map(|(at, value)| item.encode(&format!("{field}[{at}]"), value));
                        items.collect::<Result<_, _>>().map(Value::Array)
                    }
                    _ => {
                        let (least, most) = (least.unwrap_or(0), most.map(|most| most.to_string()));
                        let most = most.unwrap_or_else(|| "any number".into());
                        refused(&format!("an array of {least} to {most} items"))
                    }
                }
            }
        }
    }
}

fn encode_members(field: &str, members: &[Property], given: &Map<String, Value>) -> Result<Value, String> {
    let mut encoded = Map::new();
    for (name, value) in given {
        let path = format!("{field}.{name}");
        let Some(member) = members.iter().find(|member| member.field == *name) else {
            let names: Vec<_> = members.iter().map(|member| member.field.as_str()).collect();
            return Err(format!(
                "{path}: there is no such field; there are {}",
                names.join(", ")
            ));
        };
        encoded.insert(member.wire.clone(), member.kind.encode(&path, value)?);
    }
    Ok(Value::Object(encoded))
}

impl Range {
    fn has(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    fn words(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("a number from {min} to {max}"),
            (Some(min), None) => format!("a number from {min}"),
            (None, Some(max)) => format!("a number up to {max}"),
            (None, None) => "a number".into(),
        }
    }
}

/// What is a little on is not off.
fn least_of(share: f64) -> f64 {
    if share > 0.0 { 1.0 } else { 0.0 }
}

/// A number, whole where it is.
pub(crate) fn number(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => json!(value as i64),
        false => json!(value),
    }
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(kind: Kind) -> Property {
        Property {
            field: "x".into(),
            wire: "x".into(),
            kind,
            unit: None,
            access: Access::of_bits(3),
            is_main: false,
        }
    }

    #[test]
    fn percent_goes_there_and_back() {
        let kind = Kind::Percent { of: 254.0 };
        for percent in 0..=100 {
            let there = kind.encode("x", &json!(percent)).unwrap();
            assert_eq!(kind.decode(&there), Some(json!(percent)), "{there}");
        }
        assert_eq!(kind.decode(&json!(1)), Some(json!(1)), "it is on");
        assert_eq!(kind.decode(&json!(254)), Some(json!(100)));
        assert_eq!(kind.decode(&json!("254")), None);
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_what_is_allowed() {
        let range = Range {
            min: Some(5.0),
            max: Some(30.0),
            step: Some(0.5),
        };
        let list = Kind::List {
            item: Box::new(Kind::Text),
            least: Some(1),
            most: Some(2),
        };
        let members = vec![property(Kind::Number(range))];
        for (kind, value, why) in [
            (
                Kind::Number(range),
                json!(31),
                "x: 31; allowed is a number from 5 to 30",
            ),
            (
                Kind::Number(range),
                json!("20"),
                "x: \"20\"; allowed is a number from 5 to 30",
            ),
            (
                Kind::Number(Range::default()),
                json!(null),
                "x: null; allowed is a number",
            ),
            (
                Kind::Percent { of: 254.0 },
                json!(-1),
                "x: -1; allowed is a number from 0 to 100",
            ),
            (
                Kind::Choice(vec![json!("a"), json!(2)]),
                json!("b"),
                "x: \"b\"; allowed is one of \"a\", 2",
            ),
            (Kind::Text, json!(5), "x: 5; allowed is a text"),
            (
                list.clone(),
                json!([]),
                "x: []; allowed is an array of 1 to 2 items",
            ),
            (list, json!(["a", 5]), "x[1]: 5; allowed is a text"),
            (
                Kind::Composite(members.clone()),
                json!({}),
                "x: {}; allowed is an object of x",
            ),
            (
                Kind::Composite(members.clone()),
                json!({"y": 1}),
                "x.y: there is no such field; there are x",
            ),
            (
                Kind::Composite(members),
                json!({"x": 1}),
                "x.x: 1; allowed is a number from 5 to 30",
            ),
            (
                Kind::Switch {
                    on: json!("ON"),
                    off: json!("OFF"),
                },
                json!("ON"),
                "x: \"ON\"; allowed is true or false",
            ),
            (
                Kind::Switch {
                    on: json!("STOP"),
                    off: json!(null),
                },
                json!(false),
                "x: false; allowed is true",
            ),
        ] {
            assert_eq!(property(kind).encode(&value), Err(why.to_owned()));
        }
        let long = property(Kind::Text).encode(&json!(vec!["ä"; 100])).unwrap_err();
        assert!(long.chars().count() < 100 && long.contains("..."), "{long}");
        let mut read_only = property(Kind::Text);
        read_only.access = Access::of_bits(5);
        assert_eq!(
            read_only.encode(&json!("a")),
            Err("x: it can only be read".to_owned())
        );
    }

    #[test]
    fn a_schema_says_range_unit_and_who_writes() {
        let mut target = property(Kind::Number(Range {
            min: Some(5.0),
            max: Some(30.5),
            step: Some(0.5),
        }));
        target.unit = Some("°C".into());
        assert_eq!(
            target.schema(),
            json!({"type": "number", "minimum": 5, "maximum": 30.5, "multipleOf": 0.5, "unit": "°C"})
        );
        target.access = Access::of_bits(1);
        assert_eq!(target.schema()["readOnly"], true);
        target.access = Access::of_bits(2);
        assert_eq!(target.schema()["writeOnly"], true);
    }
}
