//! An entity that somebody else offers by discovery: what it reads and writes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::codec::{Codec, Scale, number_of};
use crate::template::Template;

/// An entity.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) component: &'static str,
    /// What tells it from others of its device.
    pub(crate) object: String,
    pub(crate) parts: Vec<Part>,
    /// A light whose state and commands are JSON, which has all of its parts.
    pub(crate) json: Option<JsonLight>,
    pub(crate) availability: Availability,
}

/// One property of an entity.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it is called in the house, where it is the only one of a device.
    pub(crate) role: Option<&'static str>,
    pub(crate) codec: Codec,
    pub(crate) unit: Option<String>,
    pub(crate) read: Option<Read>,
    pub(crate) write: Option<Write>,
}

/// Where a value is read, and how.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) topic: String,
    pub(crate) template: Option<Arc<Template>>,
}

/// Where a value is written, and how.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) topic: String,
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) retain: bool,
}

/// See [`Entity::json`].
#[derive(Debug)]
pub(crate) struct JsonLight {
    pub(crate) state: Option<String>,
    pub(crate) command: Write,
    pub(crate) brightness: Scale,
}

/// When it is there.
#[derive(Debug, Default)]
pub(crate) struct Availability {
    pub(crate) topics: Vec<Presence>,
    pub(crate) mode: Mode,
}

/// How several topics about it are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Mode {
    All,
    Any,
    #[default]
    Latest,
}

/// A topic that says whether it is there.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) topic: String,
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) yes: String,
    pub(crate) no: String,
    said: Option<bool>,
    /// The number of its last message among those of all of them.
    at: u64,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) retain: bool,
}

impl Entity {
    /// The topics that it reads.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        let parts = self.parts.iter().filter_map(|part| part.read.as_ref());
        let light = self.json.iter().filter_map(|light| light.state.as_deref());
        let presence = self
            .availability
            .topics
            .iter()
            .map(|presence| presence.topic.as_str());
        parts.map(|read| read.topic.as_str()).chain(light).chain(presence)
    }

    /// The values that a message says, by the numbers of the parts; and what of it is not understood.
    pub(crate) fn read(&self, topic: &str, payload: &str) -> (Vec<(usize, Value)>, Option<String>) {
        let (mut values, mut wrong) = (Vec::new(), None);
        if let Some(light) = &self.json
            && light.state.as_deref() == Some(topic)
        {
            match serde_json::from_str::<Value>(payload) {
                Ok(state) => values.extend(self.read_light(light, &state)),
                Err(_) => wrong = Some("a state of a light that is not JSON".into()),
            }
        }
        for (at, part) in self.parts.iter().enumerate() {
            let Some(read) = part.read.as_ref().filter(|read| read.topic == topic) else {
                continue;
            };
            match read.text(payload).and_then(|text| Ok(part.codec.decode(&text)?)) {
                Ok(value) => values.extend(value.map(|value| (at, value))),
                Err(why) => wrong = Some(why),
            }
        }
        (values, wrong)
    }

    fn read_light(&self, light: &JsonLight, state: &Value) -> Vec<(usize, Value)> {
        let color = &state["color"];
        let read = |role: &str| match role {
            "on" => Some(json!(state["state"].as_str()?.eq_ignore_ascii_case("on"))),
            "brightness" => Some(number_of(light.brightness.inward(state["brightness"].as_f64()?))),
            "color_temp" => state["color_temp"].as_f64().map(number_of),
            "color_mode" => state["color_mode"].as_str().map(|mode| json!(mode)),
            "color_xy" => tuple(color, &[("x", "x"), ("y", "y")]),
            "color_hs" => tuple(color, &[("h", "hue"), ("s", "saturation")]),
            "color_rgb" => tuple(color, &[("r", "red"), ("g", "green"), ("b", "blue")]),
            _ => None,
        };
        let parts = self.parts.iter().enumerate();
        let values = parts.filter_map(|(at, part)| Some((at, read(part.role?)?)));
        values.collect()
    }

    /// Whether a part can be written.
    pub(crate) fn is_writable(&self, part: &Part) -> bool {
        part.write.is_some() || (self.json.is_some() && part.role != Some("color_mode"))
    }

    /// The messages that set these parts.
    ///
    /// # Errors
    /// What is allowed, of the first part that does not fit.
    pub(crate) fn write(&self, values: &[(usize, &str, &Value)]) -> Result<Vec<Outgoing>, String> {
        let mut outgoing = Vec::new();
        let mut command = Map::new();
        for (at, field, value) in values {
            let Some(part) = self.parts.get(*at).filter(|part| self.is_writable(part)) else {
                return Err(format!("{field}: it can only be read"));
            };
            let text = part.codec.encode(value);
            let text = text.map_err(|allowed| format!("{field}: {}; allowed is {allowed}", shown(value)))?;
            match (&part.write, &self.json) {
                (Some(write), _) => outgoing.push(write.outgoing(text)?),
                (None, Some(light)) => light.add(part.role.unwrap_or_default(), value, text, &mut command),
                (None, None) => {}
            }
        }
        if let Some(light) = self.json.as_ref().filter(|_| !command.is_empty()) {
            // There is no command without it; a brightness is one of a light that is on.
            command.entry("state").or_insert(json!("ON"));
            outgoing.push(light.command.outgoing(Value::Object(command).to_string())?);
        }
        Ok(outgoing)
    }
}

impl JsonLight {
    fn add(&self, role: &str, value: &Value, text: String, command: &mut Map<String, Value>) {
        let number = || text.parse::<f64>().map_or(Value::Null, number_of);
        let color = |names: &[(&str, &str)]| {
            let parts = names
                .iter()
                .map(|(short, long)| ((*short).to_owned(), value[*long].clone()));
            Value::Object(parts.collect())
        };
        let (key, value) = match role {
            "on" => ("state", json!(text)),
            "color_xy" => ("color", color(&[("x", "x"), ("y", "y")])),
            "color_hs" => ("color", color(&[("h", "hue"), ("s", "saturation")])),
            "color_rgb" => ("color", color(&[("r", "red"), ("g", "green"), ("b", "blue")])),
            "brightness" => ("brightness", number()),
            _ => ("color_temp", number()),
        };
        command.insert(key.into(), value);
    }
}

impl Read {
    fn text(&self, payload: &str) -> Result<String, String> {
        match &self.template {
            Some(template) => template.run(payload),
            None => Ok(payload.to_owned()),
        }
    }
}

impl Write {
    fn outgoing(&self, text: String) -> Result<Outgoing, String> {
        let payload = match &self.template {
            Some(template) => template.run(&text)?,
            None => text,
        };
        Ok(Outgoing {
            topic: self.topic.clone(),
            payload,
            retain: self.retain,
        })
    }
}

impl Presence {
    pub(crate) fn new(topic: String, template: Option<Arc<Template>>, yes: String, no: String) -> Presence {
        Presence {
            topic,
            template,
            yes,
            no,
            said: None,
            at: 0,
        }
    }
}

impl Availability {
    /// Takes a message; `at` is its number.
    pub(crate) fn hear(&mut self, topic: &str, payload: &str, at: u64) {
        for presence in self.topics.iter_mut().filter(|presence| presence.topic == topic) {
            let text = match &presence.template {
                Some(template) => template.run(payload).unwrap_or_default(),
                None => payload.to_owned(),
            };
            if text == presence.yes || text == presence.no {
                (presence.said, presence.at) = (Some(text == presence.yes), at);
            }
        }
    }

    /// Whether it is there: what nobody said so of is not.
    pub(crate) fn is_there(&self) -> bool {
        let is_yes = |presence: &Presence| presence.said == Some(true);
        match self.mode {
            _ if self.topics.is_empty() => true,
            Mode::All => self.topics.iter().all(is_yes),
            Mode::Any => self.topics.iter().any(is_yes),
            Mode::Latest => self
                .topics
                .iter()
                .max_by_key(|presence| presence.at)
                .is_some_and(is_yes),
        }
    }

    /// What was heard, by those of the same topics before.
    pub(crate) fn inherit(&mut self, before: &Availability) {
        for presence in &mut self.topics {
            if let Some(old) = before.topics.iter().find(|old| old.topic == presence.topic) {
                (presence.said, presence.at) = (old.said, old.at);
            }
        }
    }
}

fn tuple(color: &Value, names: &[(&str, &str)]) -> Option<Value> {
    let parts = names
        .iter()
        .map(|(short, long)| Some(((*long).to_owned(), number_of(color[*short].as_f64()?))));
    parts.collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
