//! Values of messages and values of the house, each as the other.

use serde_json::{Map, Value, json};

/// How a value of the house and a text of a message belong to one another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Codec {
    /// True and false are these texts, where they can be said at all.
    Switch {
        on: Vec<String>,
        off: Vec<String>,
    },
    /// A number, which may be another one in messages.
    Number(Scale),
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// What is done by this text, and is not a state.
    Press(String),
    /// Numbers by their names in the house, between commas in a message.
    Tuple(&'static [&'static str]),
}

/// See [`Codec::Number`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// That of a message is that of the house, so many times, divided by so much, and above it by so much.
    times: f64,
    per: f64,
    plus: f64,
    /// Whether messages have whole numbers only.
    pub(crate) is_whole: bool,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Scale {
    /// The same number on both sides.
    pub(crate) const SAME: Scale = Scale {
        times: 1.0,
        per: 1.0,
        plus: 0.0,
        is_whole: false,
        min: None,
        max: None,
    };

    /// Percent in the house, `from` to `to` in messages.
    pub(crate) fn percent(from: f64, to: f64) -> Scale {
        Scale {
            times: to - from,
            per: 100.0,
            plus: from,
            is_whole: true,
            min: Some(0.0),
            max: Some(100.0),
        }
    }

    /// Within these limits.
    pub(crate) fn within(min: Option<f64>, max: Option<f64>) -> Scale {
        Scale {
            min,
            max,
            ..Scale::SAME
        }
    }

    pub(crate) fn inward(&self, number: f64) -> f64 {
        let made = (number - self.plus) * self.per / self.times;
        match self.is_whole {
            // What is a little on is not off.
            true if made > 0.0 => made.round().max(1.0),
            true => made.round(),
            false => made,
        }
    }

    fn outward(&self, number: f64) -> f64 {
        let made = number * self.times / self.per + self.plus;
        match self.is_whole {
            true if number > 0.0 && self.plus == 0.0 => made.round().max(1.0),
            true => made.round(),
            false => made,
        }
    }
}

impl Codec {
    /// The value that a message says; `None` where it says nothing.
    ///
    /// # Errors
    /// That it is another kind of value.
    pub(crate) fn decode(&self, text: &str) -> Result<Option<Value>, &'static str> {
        if text.is_empty() || text == "None" {
            return Ok(None);
        }
        match self {
            Codec::Switch { on, .. } if on.iter().any(|on| on == text) => Ok(Some(json!(true))),
            Codec::Switch { off, .. } if off.iter().any(|off| off == text) => Ok(Some(json!(false))),
            // Covers and locks have states between the two.
            Codec::Switch { .. } => Ok(None),
            Codec::Number(_) if matches!(text, "unknown" | "unavailable" | "null" | "nan") => Ok(None),
            Codec::Number(scale) => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                let number = number.ok_or("a value that is no number")?;
                Ok(Some(number_of(scale.inward(number))))
            }
            Codec::Text => Ok(Some(json!(text))),
            Codec::Choice(_) => Ok(Some(json!(text))),
            Codec::Press(_) => Ok(None),
            Codec::Tuple(names) => {
                let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
                let numbers = numbers.map_err(|_| "a colour that is no numbers")?;
                if numbers.len() != names.len() {
                    return Err("a colour of another number of parts");
                }
                let fields = names.iter().zip(numbers);
                let fields = fields.map(|(name, number)| ((*name).to_owned(), number_of(number)));
                Ok(Some(Value::Object(fields.collect())))
            }
        }
    }

    /// The text of a message that says this.
    ///
    /// # Errors
    /// What is allowed.
    pub(crate) fn encode(&self, value: &Value) -> Result<String, String> {
        match self {
            Codec::Switch { on, off } => {
                let is_on = value.as_bool().ok_or("true or false")?;
                let text = if is_on { on.first() } else { off.first() };
                text.cloned().ok_or_else(|| format!("{}", !is_on))
            }
            Codec::Number(scale) => {
                let allowed = || match (scale.min, scale.max) {
                    (Some(min), Some(max)) => format!("a number from {min} to {max}"),
                    (Some(min), None) => format!("a number from {min}"),
                    (None, Some(max)) => format!("a number up to {max}"),
                    (None, None) => "a number".into(),
                };
                let fits = |number: &f64| {
                    scale.min.is_none_or(|min| *number >= min) && scale.max.is_none_or(|max| *number <= max)
                };
                let number = value.as_f64().filter(fits).ok_or_else(allowed)?;
                Ok(number_of(scale.outward(number)).to_string())
            }
            Codec::Text => Ok(value.as_str().ok_or("a text")?.to_owned()),
            Codec::Choice(options) => {
                let text = value
                    .as_str()
                    .filter(|text| options.iter().any(|option| option == text));
                Ok(text
                    .ok_or_else(|| format!("one of {}", options.join(", ")))?
                    .to_owned())
            }
            Codec::Press(text) => match value {
                Value::Bool(true) => Ok(text.clone()),
                _ => Err("true".into()),
            },
            Codec::Tuple(names) => {
                let allowed = || format!("an object of the numbers {}", names.join(", "));
                let parts = names
                    .iter()
                    .map(|name| value.get(name).filter(|part| part.is_number()));
                let parts: Option<Vec<_>> = parts.map(|part| Some(part?.to_string())).collect();
                Ok(parts.ok_or_else(allowed)?.join(","))
            }
        }
    }

    /// What it is, in the words of JSON Schema.
    pub(crate) fn schema(&self) -> Map<String, Value> {
        let schema = match self {
            Codec::Switch { .. } => json!({"type": "boolean"}),
            Codec::Press(_) => json!({"type": "boolean", "writeOnly": true}),
            Codec::Number(scale) => {
                let mut schema = json!({"type": "number"});
                for (key, limit) in [("minimum", scale.min), ("maximum", scale.max)] {
                    if let Some(limit) = limit {
                        schema[key] = number_of(limit);
                    }
                }
                schema
            }
            Codec::Text => json!({"type": "string"}),
            Codec::Choice(options) => json!({"enum": options}),
            Codec::Tuple(names) => {
                let parts = names
                    .iter()
                    .map(|name| ((*name).to_owned(), json!({"type": "number"})));
                json!({"type": "object", "properties": parts.collect::<Map<_, _>>()})
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }
}

/// A number, whole where it is.
pub(crate) fn number_of(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => json!(value as i64),
        false => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_goes_there_and_back() {
        for to in [255.0, 254.0, 100.0, 1_023.0] {
            let codec = Codec::Number(Scale::percent(0.0, to));
            for percent in 0..=100 {
                let there = codec.encode(&json!(percent)).unwrap();
                assert_eq!(codec.decode(&there), Ok(Some(json!(percent))), "{there} of {to}");
            }
        }
        let upside_down = Codec::Number(Scale::percent(100.0, 0.0));
        assert_eq!(upside_down.encode(&json!(30)), Ok("70".into()));
        assert_eq!(upside_down.decode("70"), Ok(Some(json!(30))));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let switch = Codec::Switch {
            on: vec!["ON".into()],
            off: vec![],
        };
        assert_eq!(switch.encode(&json!("ON")), Err("true or false".into()));
        assert_eq!(switch.encode(&json!(false)), Err("true".into()));
        assert_eq!(switch.decode("between"), Ok(None));
        let number = Codec::Number(Scale::within(Some(5.0), Some(30.0)));
        assert_eq!(number.encode(&json!(31)), Err("a number from 5 to 30".into()));
        assert_eq!(number.decode("21.5"), Ok(Some(json!(21.5))));
        assert_eq!(number.decode("warm"), Err("a value that is no number"));
        assert_eq!(number.decode("inf"), Err("a value that is no number"));
        let hs = Codec::Tuple(&["hue", "saturation"]);
        assert_eq!(
            hs.decode("20, 80.5"),
            Ok(Some(json!({"hue": 20, "saturation": 80.5})))
        );
        assert_eq!(
            hs.encode(&json!({"hue": 20, "saturation": 80.5})),
            Ok("20,80.5".into())
        );
        assert!(hs.decode("20").is_err() && hs.encode(&json!({"hue": 20})).is_err());
        assert_eq!(
            Codec::Press("PRESS".into()).encode(&json!(true)),
            Ok("PRESS".into())
        );
    }
}
