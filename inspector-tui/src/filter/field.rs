//! A field of a payload, found without making a value of the whole.

use std::cmp::Ordering;
use std::fmt;

use memchr::{memchr, memmem};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Is it.
    Equal,
    /// Is there and is not it.
    NotEqual,
    /// Is less.
    Less,
    /// Is it or less.
    AtMost,
    /// Is more.
    Greater,
    /// Is it or more.
    AtLeast,
}

impl Operator {
    /// True for one that asks which is more.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Operator::Equal | Operator::NotEqual)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
        })
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A text, and nothing else.
    Text(String),
    /// A number; or the same as a text.
    Number(Number, String),
    /// `true` or `false`; or the same as a text.
    Bool(bool),
    /// `null`; or the same as a text.
    Null,
}

/// A number as JSON has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Whole.
    Whole(i128),
    /// With a fraction or an exponent.
    Float(f64),
}

impl Number {
    fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
            (Number::Whole(a), Number::Float(b)) => (a as f64).partial_cmp(&b),
            (Number::Float(a), Number::Whole(b)) => a.partial_cmp(&(b as f64)),
        }
    }
}

impl Operand {
    /// What a word without quotes stands for.
    pub(super) fn word(word: &str) -> Operand {
        match word {
            "true" => Operand::Bool(true),
            "false" => Operand::Bool(false),
            "null" => Operand::Null,
            _ => match serde_json::from_str::<serde_json::Number>(word) {
                Ok(number) => {
                    let whole = number
                        .as_i64()
                        .map(i128::from)
                        .or(number.as_u64().map(i128::from));
                    match (whole, number.as_f64()) {
                        (Some(whole), _) => Operand::Number(Number::Whole(whole), word.to_owned()),
                        (None, Some(float)) => Operand::Number(Number::Float(float), word.to_owned()),
                        (None, None) => Operand::Text(word.to_owned()),
                    }
                }
                Err(_) => Operand::Text(word.to_owned()),
            },
        }
    }

    pub(super) fn has_order(&self) -> bool {
        matches!(self, Operand::Text(_) | Operand::Number(..))
    }
}

/// A value of a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaf<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
    /// An array or an object.
    Other,
}

fn holds(leaf: Leaf<'_>, operator: Operator, operand: &Operand) -> bool {
    let ordering = match (leaf, operand) {
        (Leaf::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
        (Leaf::Number(a), Operand::Number(b, _)) => a.compare(*b),
        (Leaf::Null, Operand::Null) => Some(Ordering::Equal),
        (Leaf::Bool(a), Operand::Bool(b)) if a == *b => Some(Ordering::Equal),
        (Leaf::Text("null"), Operand::Null)
        | (Leaf::Text("true"), Operand::Bool(true))
        | (Leaf::Text("false"), Operand::Bool(false)) => Some(Ordering::Equal),
        (Leaf::Text(a), Operand::Number(_, b)) if a == b => Some(Ordering::Equal),
        _ => None,
    };
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::NotEqual => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::AtMost => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::AtLeast => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// True when `payload` has a field at `path` for which the comparison holds. Of a name that an
/// object has twice, the last one counts.
pub(super) fn field_holds(payload: &[u8], path: &[String], operator: Operator, operand: &Operand) -> bool {
    // Most payloads are told by the name alone; one with escapes could write it in another way.
    // A number may be a place in an array.
    let name = path.iter().rev().find(|name| name.parse::<usize>().is_err());
    if let Some(name) = name
        && memchr(b'\\', payload).is_none()
        && memmem::find(payload, name.as_bytes()).is_none()
    {
        return false;
    }
    sought(payload, path, &|leaf| holds(leaf, operator, operand)) == Some(true)
}

/// The number at `path`; true is 1 and false is 0. `None` where there is neither.
pub fn number(payload: &[u8], path: &[String]) -> Option<f64> {
    sought(payload, path, &|leaf| match leaf {
        Leaf::Number(Number::Whole(number)) => Some(number as f64),
        Leaf::Number(Number::Float(number)) => Some(number),
        Leaf::Bool(yes) => Some(f64::from(u8::from(yes))),
        _ => None,
    })
    .flatten()
}

/// The text at `path`.
pub fn text(payload: &[u8], path: &[String]) -> Option<String> {
    sought(payload, path, &|leaf| match leaf {
        Leaf::Text(text) => Some(text.to_owned()),
        _ => None,
    })
    .flatten()
}

/// What `ask` says of the value at `path`; `None` when there is no such value, or the payload is no JSON.
fn sought<T>(payload: &[u8], path: &[String], ask: &dyn Fn(Leaf<'_>) -> T) -> Option<T> {
    let mut found = None;
    let seed = Seek {
        path,
        ask,
        found: &mut found,
    };
    let mut json = serde_json::Deserializer::from_slice(payload);
    let parsed = seed.deserialize(&mut json).and_then(|()| json.end());
    parsed.ok().and(found)
}

/// Looks for the rest of a path.
struct Seek<'a, T> {
    path: &'a [String],
    ask: &'a dyn Fn(Leaf<'_>) -> T,
    found: &'a mut Option<T>,
}

impl<T> Seek<'_, T> {
    fn leaf<E>(self, leaf: Leaf<'_>) -> Result<(), E> {
        *self.found = self.path.is_empty().then(|| (self.ask)(leaf));
        Ok(())
    }
}

impl<'de, T> DeserializeSeed<'de> for Seek<'_, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T> Visitor<'de> for Seek<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.leaf(Leaf::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.leaf(Leaf::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.leaf(Leaf::Number(Number::Whole(value.into())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.leaf(Leaf::Number(Number::Whole(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.leaf(Leaf::Number(Number::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Leaf::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((name, path)) = self.path.split_first() else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return self.leaf(Leaf::Other);
        };
        *self.found = None;
        let wanted: Option<usize> = name.parse().ok();
        let mut at = 0;
        loop {
            let more = if wanted == Some(at) {
                let (ask, found) = (self.ask, &mut *self.found);
                items.next_element_seed(Seek { path, ask, found })?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((name, path)) = self.path.split_first() else {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return self.leaf(Leaf::Other);
        };
        *self.found = None;
        while let Some(is_it) = members.next_key_seed(Is(name))? {
            if is_it {
                let (ask, found) = (self.ask, &mut *self.found);
                members.next_value_seed(Seek { path, ask, found })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Whether a member's name is this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}
