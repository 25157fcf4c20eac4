//! Reading a rule out of JSON: every error says where it is, what was there, and what is allowed.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use kernel_core::Error;
use serde_json::{Map, Value};

/// The longest text in a rule, in bytes, where nothing shorter is wanted.
pub(crate) const MAX_TEXT: usize = 256;

/// What is wrong with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    path: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(path: &str, message: impl Display) -> Problem {
        Problem {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::format("invalid_argument", format_args!("{problem}"))
    }
}

/// A value of the rule, and where it is: a JSON pointer.
#[derive(Clone)]
pub(crate) struct At<'v> {
    pub(crate) value: &'v Value,
    pub(crate) path: String,
}

impl<'v> At<'v> {
    pub(crate) fn new(value: &'v Value, path: String) -> At<'v> {
        At { value, path }
    }

    pub(crate) fn problem(&self, message: impl Display) -> Problem {
        Problem::new(&self.path, message)
    }

    /// That the value is not what is wanted.
    pub(crate) fn wanted(&self, what: impl Display) -> Problem {
        self.problem(format_args!("{} is not {what}", brief(self.value)))
    }

    /// The members of an object that has no others than these.
    pub(crate) fn object(&self, allowed: &[&str]) -> Result<Fields<'v>, Problem> {
        let Value::Object(map) = self.value else {
            return Err(self.wanted("an object"));
        };
        match map.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(Problem::new(
                &format!("{}/{key}", self.path),
                format_args!("not known here: {}", allowed.join(", ")),
            )),
            None => Ok(Fields {
                map,
                path: self.path.clone(),
            }),
        }
    }

    /// The items of a list.
    pub(crate) fn list(&self, most: usize) -> Result<Vec<At<'v>>, Problem> {
        let Value::Array(items) = self.value else {
            return Err(self.wanted("a list"));
        };
        if items.len() > most {
            let len = items.len();
            return Err(self.problem(format_args!("{len} items, at most {most} are allowed")));
        }
        let items = items.iter().enumerate();
        Ok(items
            .map(|(index, item)| At::new(item, format!("{}/{index}", self.path)))
            .collect())
    }

    pub(crate) fn text(&self) -> Result<&'v str, Problem> {
        match self.value {
            Value::String(text) if text.len() <= MAX_TEXT => Ok(text),
            Value::String(text) => {
                let len = text.len();
                Err(self.problem(format_args!(
                    "{len} bytes of text, at most {MAX_TEXT} are allowed"
                )))
            }
            _ => Err(self.wanted("a text")),
        }
    }

    pub(crate) fn truth(&self) -> Result<bool, Problem> {
        self.value.as_bool().ok_or_else(|| self.wanted("true or false"))
    }

    pub(crate) fn whole(&self, least: u64, most: u64) -> Result<u64, Problem> {
        let found = self
            .value
            .as_u64()
            .filter(|number| (least..=most).contains(number));
        found.ok_or_else(|| self.wanted(format_args!("a whole number from {least} to {most}")))
    }

    /// Milliseconds, of a number of seconds.
    pub(crate) fn seconds(&self, least_ms: i64, most_s: i64) -> Result<i64, Problem> {
        let millis = self.value.as_f64().map(|seconds| libm::round(seconds * 1_000.0));
        let (least, most) = (least_ms as f64, most_s as f64 * 1_000.0);
        match millis {
            Some(millis) if (least..=most).contains(&millis) => Ok(millis as i64),
            _ => Err(self.wanted(format_args!(
                "a number of seconds from {} to {most_s}",
                least / 1_000.0
            ))),
        }
    }

    /// One of these words; the number of it.
    pub(crate) fn word(&self, words: &[&str]) -> Result<usize, Problem> {
        let found = self
            .value
            .as_str()
            .and_then(|text| words.iter().position(|word| *word == text));
        found.ok_or_else(|| self.wanted(format_args!("one of {}", words.join(", "))))
    }
}

/// The members of an object.
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    path: String,
}

impl<'v> Fields<'v> {
    /// A member, unless it is left out.
    pub(crate) fn get(&self, key: &str) -> Option<At<'v>> {
        let value = self.map.get(key)?;
        Some(At::new(value, format!("{}/{key}", self.path)))
    }

    pub(crate) fn need(&self, key: &str) -> Result<At<'v>, Problem> {
        self.get(key)
            .ok_or_else(|| Problem::new(&self.path, format_args!("`{key}` is missing")))
    }
}

/// The key of an object that says what kind it is: exactly one of these.
pub(crate) fn kind<'k>(at: &At<'_>, kinds: &[&'k str]) -> Result<&'k str, Problem> {
    let Value::Object(map) = at.value else {
        return Err(at.wanted("an object"));
    };
    let mut found = kinds.iter().filter(|kind| map.contains_key(**kind));
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (None, _) => Err(at.problem(format_args!("one of these is missing: {}", kinds.join(", ")))),
        (Some(one), Some(two)) => Err(at.problem(format_args!(
            "`{one}` and `{two}` do not go together: use one of them"
        ))),
    }
}

/// The beginning of a value's text, for people.
pub(crate) fn brief(value: &Value) -> String {
    cut(&value.to_string(), 40)
}

/// The text, or its beginning.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
