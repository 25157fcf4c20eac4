//! The entities of a device of the house, as Home Assistant discovers them, and what its commands are for the device.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::classes;
use crate::names::slug;
use crate::own::{Is, Own, Property};

/// An entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    pub(crate) component: &'static str,
    /// What tells it from others of its device.
    pub(crate) key: String,
    pub(crate) config: Map<String, Value>,
    /// The lights' states have topics of their own: this is what is behind the names of their properties.
    pub(crate) light: Option<String>,
}

/// What is offered of a device.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Offers {
    pub(crate) entities: Vec<Offer>,
    /// What comes at `set/KEY`.
    pub(crate) commands: BTreeMap<String, Command>,
}

/// What a command is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// `ON` or `OFF`.
    Switch(String),
    Number(String),
    Text(String),
    /// `OPEN`, `CLOSE` or `STOP`, where it can be stopped.
    Cover {
        stops: bool,
    },
    /// JSON, of the light with this behind its properties' names.
    Light(String),
}

/// The topics of a device.
pub(crate) struct Topics<'a> {
    pub(crate) base: &'a str,
    pub(crate) slug: &'a str,
}

impl Topics<'_> {
    pub(crate) fn state(&self) -> String {
        format!("{}/{}/state", self.base, self.slug)
    }

    pub(crate) fn availability(&self) -> String {
        format!("{}/{}/availability", self.base, self.slug)
    }

    pub(crate) fn light(&self, suffix: &str) -> String {
        format!("{}/{}/light{}", self.base, self.slug, slug_of(suffix))
    }

    fn set(&self, key: &str) -> String {
        format!("{}/{}/set/{key}", self.base, self.slug)
    }
}

/// What is offered of a device.
pub(crate) fn offers(own: &Own, topics: &Topics<'_>) -> Offers {
    let mut offering = Offering {
        topics,
        left: own.properties(),
        offers: Offers::default(),
    };
    offering.lights(&own.kind);
    offering.cover();
    offering.climate();
    for property in std::mem::take(&mut offering.left) {
        offering.one(&property);
    }
    offering.offers
}

struct Offering<'a> {
    topics: &'a Topics<'a>,
    /// What no entity has yet.
    left: Vec<Property>,
    offers: Offers,
}

impl Offering<'_> {
    fn has(&self, name: &str) -> Option<&Property> {
        self.left.iter().find(|property| property.name == name)
    }

    fn take(&mut self, name: &str) -> Option<Property> {
        let at = self.left.iter().position(|property| property.name == name)?;
        Some(self.left.remove(at))
    }

    fn add(&mut self, component: &'static str, key: &str, config: Value, light: Option<String>) {
        if let Value::Object(config) = config {
            self.offers.entities.push(Offer {
                component,
                key: key.into(),
                config,
                light,
            });
        }
    }

    /// The topic of a command, which is known from now on.
    fn command(&mut self, key: &str, command: Command) -> String {
        self.offers.commands.insert(key.into(), command);
        self.topics.set(key)
    }

    /// Each `on` that goes with a brightness, or is of a light.
    fn lights(&mut self, kind: &str) {
        let on = self
            .left
            .iter()
            .filter(|property| property.is_written && property.is == Is::Switch);
        let suffixes = on.filter_map(|property| property.name.strip_prefix("on"));
        let suffixes: Vec<String> = suffixes
            .filter(|rest| rest.is_empty() || rest.starts_with('_'))
            .map(String::from)
            .collect();
        for suffix in suffixes {
            let is_dimmable = self
                .has(&format!("brightness{suffix}"))
                .is_some_and(|property| property.is_written);
            if kind == "light" || is_dimmable {
                self.light(&suffix, is_dimmable);
            }
        }
    }

    fn light(&mut self, suffix: &str, is_dimmable: bool) {
        self.take(&format!("on{suffix}"));
        let mut modes = Vec::new();
        let mut config =
            json!({"schema": "json", "state_topic": self.topics.light(suffix), "color_mode": true});
        for (name, mode) in [("color_xy", "xy"), ("color_hs", "hs")] {
            // One of the two is enough.
            if self.take(&format!("{name}{suffix}")).is_some() && modes.is_empty() {
                modes.push(mode);
            }
        }
        if let Some(temp) = self.take(&format!("color_temp{suffix}")) {
            modes.push("color_temp");
            if let Is::Number {
                min: Some(min),
                max: Some(max),
                ..
            } = temp.is
            {
                (config["min_mireds"], config["max_mireds"]) = (json!(min as i64), json!(max as i64));
            }
        }
        self.take(&format!("color_mode{suffix}"));
        if is_dimmable {
            self.take(&format!("brightness{suffix}"));
            config["brightness"] = json!(true);
            config["brightness_scale"] = json!(100);
        }
        if modes.is_empty() {
            modes.push(if is_dimmable { "brightness" } else { "onoff" });
        }
        config["supported_color_modes"] = json!(modes);
        let key = format!("light{}", slug_of(suffix));
        config["name"] = label(suffix);
        config["command_topic"] = json!(self.command(&key, Command::Light(suffix.into())));
        self.add("light", &key, config, Some(suffix.into()));
    }

    fn cover(&mut self) {
        let is_written = |property: &&Property| property.is_written;
        let position = self.has("position").filter(is_written).is_some();
        if self.has("open").filter(is_written).is_none() && !position {
            return;
        }
        let state = self.topics.state();
        let mut config = json!({"name": null});
        let is_open = self.take("open").is_some();
        let stops = self.take("stop").is_some();
        if is_open {
            config["command_topic"] = json!(self.command("cover", Command::Cover { stops }));
            if !stops {
                config["payload_stop"] = Value::Null;
            }
        }
        if position {
            self.take("position");
            config["position_topic"] = json!(state);
            config["position_template"] = json!(known("position"));
            config["set_position_topic"] =
                json!(self.command("position", Command::Number("position".into())));
        } else {
            config["state_topic"] = json!(state);
            config["value_template"] = json!(switch("open", "open", "closed", ""));
        }
        if self.has("tilt").filter(is_written).is_some() {
            self.take("tilt");
            config["tilt_status_topic"] = json!(state);
            config["tilt_status_template"] = json!(known("tilt"));
            config["tilt_command_topic"] = json!(self.command("tilt", Command::Number("tilt".into())));
        }
        self.add("cover", "cover", config, None);
    }

    fn climate(&mut self) {
        if self
            .has("target")
            .filter(|property| property.is_written)
            .is_none()
        {
            return;
        }
        let Some(target) = self.take("target") else { return };
        let state = self.topics.state();
        let mut config = json!({
            "name": null, "temperature_unit": if target.unit.as_deref() == Some("°F") { "F" } else { "C" },
            "temperature_state_topic": state, "temperature_state_template": field("target"),
            "temperature_command_topic": self.command("target", Command::Number("target".into())),
        });
        if let Is::Number { min, max, step } = target.is {
            for (key, value) in [("min_temp", min), ("max_temp", max), ("temp_step", step)] {
                if let Some(value) = value {
                    config[key] = json!(value);
                }
            }
        }
        if self.has("temperature").is_some() {
            config["current_temperature_topic"] = json!(state);
            config["current_temperature_template"] = json!(field("temperature"));
        }
        let modes = self.modes();
        config["mode_state_topic"] = json!(state);
        if modes.is_empty() {
            (config["modes"], config["mode_state_template"]) = (json!(["heat"]), json!("heat"));
        } else {
            self.take("mode");
            (config["modes"], config["mode_state_template"]) = (json!(modes), json!(field("mode")));
            config["mode_command_topic"] = json!(self.command("mode", Command::Text("mode".into())));
        }
        if self
            .has("heating")
            .is_some_and(|property| property.is == Is::Switch)
        {
            config["action_topic"] = json!(state);
            config["action_template"] = json!(switch("heating", "heating", "idle", "None"));
        }
        self.add("climate", "climate", config, None);
    }

    /// The modes of a thermostat, where Home Assistant knows all of them.
    fn modes(&self) -> Vec<String> {
        let known = ["auto", "off", "cool", "heat", "dry", "fan_only", "heat_cool"];
        match self.has("mode") {
            Some(Property {
                is: Is::Choice(modes),
                is_written: true,
                ..
            }) if modes.iter().all(|mode| known.contains(&mode.as_str())) => modes.clone(),
            _ => Vec::new(),
        }
    }

    /// A property that is an entity of its own.
    fn one(&mut self, property: &Property) {
        let name = property.name.as_str();
        let key = slug(name);
        let mut config = json!({"name": label(name)});
        if property.is_read {
            (config["state_topic"], config["value_template"]) =
                (json!(self.topics.state()), json!(field(name)));
        }
        let component = match (&property.is, property.is_written) {
            (Is::Object(_), _) => return,
            (Is::Switch, true) if !property.is_read => {
                config["payload_press"] = json!("ON");
                "button"
            }
            (_, _) if !property.is_read => return,
            (Is::Switch, true) if name == "locked" => {
                config["name"] = Value::Null;
                config["value_template"] = json!(switch(name, "LOCKED", "UNLOCKED", "None"));
                (config["payload_lock"], config["payload_unlock"]) = (json!("ON"), json!("OFF"));
                "lock"
            }
            (Is::Switch, _) => {
                config["value_template"] = json!(switch(name, "ON", "OFF", "None"));
                match property.is_written {
                    true if name == "on" => config["name"] = Value::Null,
                    true if !name.starts_with("on_") => config["entity_category"] = json!("config"),
                    true => {}
                    false => {
                        if let Some(class) = classes::binary_sensor(name) {
                            config["device_class"] = json!(class);
                        }
                    }
                }
                if property.is_written {
                    "switch"
                } else {
                    "binary_sensor"
                }
            }
            (Is::Number { min, max, step }, true) => {
                config["min"] = json!(min.unwrap_or(-1_000_000.0));
                config["max"] = json!(max.unwrap_or(1_000_000.0));
                config["step"] = json!(step.unwrap_or(1.0));
                (config["mode"], config["entity_category"]) = (json!("box"), json!("config"));
                "number"
            }
            (Is::Choice(options), true) => {
                (config["options"], config["entity_category"]) = (json!(options), json!("config"));
                "select"
            }
            (Is::Number { .. }, false) => {
                let (class, state) = classes::sensor(name, property.unit.as_deref());
                for (key, value) in [("device_class", class), ("state_class", state)] {
                    if let Some(value) = value {
                        config[key] = json!(value);
                    }
                }
                if ["battery", "linkquality"].contains(&name) {
                    config["entity_category"] = json!("diagnostic");
                }
                "sensor"
            }
            // Home Assistant's texts are short, and a code is for machines.
            (Is::Text, true) => return,
            (Is::Text | Is::Choice(_), _) => {
                config["value_template"] = json!(short(name));
                "sensor"
            }
        };
        if let (Is::Number { .. }, Some(unit)) = (&property.is, &property.unit) {
            config["unit_of_measurement"] = json!(unit);
        }
        if property.is_written {
            let command = match property.is {
                Is::Switch => Command::Switch(name.into()),
                Is::Number { .. } => Command::Number(name.into()),
                _ => Command::Text(name.into()),
            };
            config["command_topic"] = json!(self.command(&key, command));
        }
        self.add(component, &key, config, None);
    }
}

/// What people read in place of a property's name; nothing for what the device itself is.
fn label(name: &str) -> Value {
    let text = name.trim_matches('_').replace('_', " ");
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => json!(format!("{}{}", first.to_uppercase(), letters.as_str())),
        None => Value::Null,
    }
}

/// What is behind the names of a light's properties, in a topic.
fn slug_of(suffix: &str) -> String {
    match suffix {
        "" => String::new(),
        suffix => slug(suffix),
    }
}

/// The value of a field; `None` where it is not there.
fn field(name: &str) -> String {
    format!("{{{{ value_json.get({}) }}}}", quoted(name))
}

/// The same as a text; that of a state is not longer than 255 characters.
fn short(name: &str) -> String {
    format!(
        "{{{{ ((value_json.get({}) or '') | string)[:255] }}}}",
        quoted(name)
    )
}

/// The same, where nothing at all is said of what is not there.
fn known(name: &str) -> String {
    let quoted = quoted(name);
    format!("{{{{ '' if value_json.get({quoted}) is none else value_json.get({quoted}) }}}}")
}

/// One of two texts, or a third one where the field is not there.
fn switch(name: &str, yes: &str, no: &str, neither: &str) -> String {
    format!(
        "{{{{ {{True: '{yes}', False: '{no}'}}.get(value_json.get({}), '{neither}') }}}}",
        quoted(name)
    )
}

/// A name as a template has it.
fn quoted(name: &str) -> String {
    Value::String(name.into()).to_string()
}
