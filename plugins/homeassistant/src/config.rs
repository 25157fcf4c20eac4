//! What a discovery message says, key by key.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::template::Template;

/// The most bytes of a topic, and of what is a text otherwise.
const MAX_TEXT: usize = 512;

/// The fields of an entity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Config<'a> {
    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.0
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty() && text.len() <= MAX_TEXT)
    }

    /// A topic, without wildcards.
    ///
    /// # Errors
    /// That it is none.
    pub(crate) fn topic(&self, key: &str) -> Result<Option<String>, String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(topic)) if is_topic(topic) => Ok(Some(topic.clone())),
            Some(_) => Err(format!("{key} is no topic")),
        }
    }

    /// A topic that has to be there.
    ///
    /// # Errors
    /// That it is not.
    pub(crate) fn needed(&self, key: &str) -> Result<String, String> {
        self.topic(key)?.ok_or_else(|| format!("{key} is missing"))
    }

    /// A template.
    ///
    /// # Errors
    /// What of it is not understood.
    pub(crate) fn template(&self, key: &str) -> Result<Option<Arc<Template>>, String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => match Template::read(text) {
                Ok(template) => Ok(Some(Arc::new(template))),
                Err(why) => Err(format!("{key}: {why}")),
            },
            Some(_) => Err(format!("{key} is no text")),
        }
    }

    /// What is said by a message, as it is compared; `default` where the key is not there.
    pub(crate) fn payload(&self, key: &str, default: &str) -> String {
        match self.0.get(key) {
            None => default.into(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(true)) => "True".into(),
            Some(Value::Bool(false)) => "False".into(),
            Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// That it is none.
    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(format!("{key} is no number")),
            },
        }
    }

    /// True where it is said.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.0.get(key) == Some(&Value::Bool(true))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.0.get(key).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.take(256).map(String::from).collect()
    }
}

fn is_topic(topic: &str) -> bool {
    (1..=MAX_TEXT).contains(&topic.len()) && !topic.contains(['+', '#', '\0'])
}
