//! How much an entry matters.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// How much an entry matters. Read in any case, and `warn` and `fatal` as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For authors.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something failed.
    Error,
    /// Much does not work any more.
    Critical,
}

/// All names that are read.
const NAMES: [(&str, LogLevel); 7] = [
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warning", LogLevel::Warning),
    ("error", LogLevel::Error),
    ("critical", LogLevel::Critical),
    ("warn", LogLevel::Warning),
    ("fatal", LogLevel::Critical),
];

/// What is allowed, in words.
pub(crate) const ALLOWED: &str = "debug, info, warning, error, critical";

impl LogLevel {
    /// The level of this name.
    pub fn from_name(name: &str) -> Option<LogLevel> {
        let mut names = NAMES.iter();
        names
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, level)| *level)
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <Cow<'de, str>>::deserialize(deserializer)?;
        LogLevel::from_name(&name).ok_or_else(|| {
            let name: String = name.chars().take(20).collect();
            D::Error::custom(format!("{name:?} is none; allowed are {ALLOWED}"))
        })
    }
}

impl JsonSchema for LogLevel {
    fn schema_name() -> Cow<'static, str> {
        "LogLevel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let lower = NAMES.iter().map(|(name, _)| (*name).to_owned());
        let all: Vec<String> = lower
            .clone()
            .chain(lower.map(|name| name.to_uppercase()))
            .collect();
        json_schema!({ "type": "string", "enum": all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_an_order_and_names_in_any_case() {
        assert!(LogLevel::Debug < LogLevel::Info && LogLevel::Error < LogLevel::Critical);
        assert_eq!(LogLevel::from_name("Warn"), Some(LogLevel::Warning));
        assert_eq!(LogLevel::from_name("FATAL"), Some(LogLevel::Critical));
        assert_eq!(LogLevel::from_name("loud"), None);
    }
}
