//! Devices that others offer by discovery: what is known of them, and what comes of a message.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::about::{About, about};
use crate::components;
use crate::config::Config;
use crate::device::{Device, kind, report, schema};
use crate::effect::{DISCOVERED, Effect, REMOVED};
use crate::entity::{Entity, Outgoing};
use crate::keys::expand;
use crate::names::{PROVIDER, field, slug};
use crate::status::Counts;

/// The most bytes of a discovery message, and of a message about a state.
const MAX_CONFIG: usize = 64 * 1024;
const MAX_MESSAGE: usize = 16 * 1024;
/// The most entities, and properties of a device.
const MAX_ENTITIES: usize = 2_000;
const MAX_PROPERTIES: usize = 60;
/// What is known.
#[derive(Debug)]
pub(crate) struct Found {
    /// What is published by this program itself has it in its topics and ids.
    own: String,
    ignored_origins: Vec<String>,
    entities: BTreeMap<Key, Known>,
    devices: BTreeMap<String, Device>,
    /// Which entities read a topic.
    routes: BTreeMap<String, Vec<Key>>,
    /// Something was discovered since the last [`settle`](Found::settle).
    is_new: bool,
    /// What was offered once.
    removed: BTreeSet<String>,
    messages: u64,
    pub(crate) ignored: u64,
    pub(crate) commands: u64,
    pub(crate) commands_refused: u64,
    pub(crate) last_refused: Option<String>,
    pub(crate) counts: Counts,
}

/// A command that fits.
#[derive(Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) messages: Vec<Outgoing>,
    /// What nobody reports, and is so once it is sent.
    pub(crate) is_so: Map<String, Value>,
}

/// The topic of a discovery, and the component of it, where it has several.
type Key = (String, String);

#[derive(Debug)]
struct Known {
    about: About,
    entity: Entity,
    /// What its parts are called; `None` for one that has no room.
    fields: Vec<Option<String>>,
}

impl Found {
    /// One that takes nothing of `own`, nor of these origins.
    pub(crate) fn new(own: &str, ignored_origins: Vec<String>) -> Found {
        Found {
            own: own.into(),
            ignored_origins,
            entities: BTreeMap::new(),
            devices: BTreeMap::new(),
            routes: BTreeMap::new(),
            is_new: false,
            removed: BTreeSet::new(),
            messages: 0,
            ignored: 0,
            commands: 0,
            commands_refused: 0,
            last_refused: None,
            counts: Counts::default(),
        }
    }

    /// A discovery message: `path` is its topic, between the prefix and `/config`. One that makes no sense changes
    /// nothing.
    pub(crate) fn discovery(&mut self, path: &str, payload: &[u8]) {
        let before: Vec<_> = self.entities.extract_if(.., |key, _| key.0 == path).collect();
        if let Err(why) = self.take(path, payload) {
            self.entities.extend(before);
            return self.counts.refuse(&why, path);
        }
        self.is_new = true;
        // What is still there knows what it heard.
        for (key, old) in before {
            if let Some(known) = self.entities.get_mut(&key) {
                known.entity.availability.inherit(&old.entity.availability);
            }
        }
    }

    fn take(&mut self, path: &str, payload: &[u8]) -> Result<(), String> {
        if payload.is_empty() {
            return Ok(());
        }
        if payload.len() > MAX_CONFIG {
            return Err("a discovery of more than 64 KiB".into());
        }
        let config: Value = serde_json::from_slice(payload).map_err(|_| "a discovery that is not JSON")?;
        let Value::Object(config) = config else {
            return Err("a discovery that is no object".into());
        };
        let config = expand(config);
        let levels: Vec<&str> = path.split('/').collect();
        if self.is_own(&levels, &config) {
            return Ok(());
        }
        let origin = config.get("origin").and_then(|origin| origin["name"].as_str());
        if origin.is_some_and(|origin| self.ignored_origins.iter().any(|ignored| ignored == origin)) {
            self.ignored += 1;
            return Ok(());
        }
        let (component, object) = match levels[..] {
            [component, object] | [component, _, object] => (component, object),
            _ => return Err("a topic of another form".into()),
        };
        match component {
            "device" => self.take_device(path, object, &config),
            _ => self.take_entity((path.into(), String::new()), component, object, &config),
        }
    }

    /// Whether it is what this program itself offers: to take that back would go round for ever.
    fn is_own(&self, levels: &[&str], config: &Map<String, Value>) -> bool {
        let is_ours = |id: &str| {
            id.strip_prefix(self.own.as_str())
                .is_some_and(|rest| rest.starts_with('_'))
        };
        let unique_id = config.get("unique_id").and_then(Value::as_str);
        levels.get(1) == Some(&self.own.as_str()) || unique_id.is_some_and(is_ours)
    }

    fn take_device(&mut self, path: &str, object: &str, config: &Map<String, Value>) -> Result<(), String> {
        let components = config.get("components").and_then(Value::as_object);
        for (name, component) in components.ok_or("components is missing, or no object")? {
            let Some(component) = component.as_object() else {
                self.counts.refuse("a component that is no object", path);
                continue;
            };
            // One that says nothing but what it was is gone.
            if component.len() <= 1 {
                continue;
            }
            // What is said once is so for all of them.
            let shared = config.iter().filter(|(key, _)| *key != "components");
            let mut fields: Map<String, Value> =
                shared.map(|(key, value)| (key.clone(), value.clone())).collect();
            fields.extend(component.clone());
            if !config.contains_key("device") {
                fields.insert("device".into(), json!({"identifiers": [object]}));
            }
            let outcome = match fields.get("platform").and_then(Value::as_str).map(String::from) {
                Some(platform) => self.take_entity((path.into(), name.clone()), &platform, name, &fields),
                None => Err("a component without a platform".into()),
            };
            if let Err(why) = outcome {
                self.counts.refuse(&why, &format!("{path}: {name}"));
            }
        }
        Ok(())
    }

    fn take_entity(
        &mut self,
        key: Key,
        component: &str,
        object: &str,
        config: &Map<String, Value>,
    ) -> Result<(), String> {
        if self.entities.len() >= MAX_ENTITIES {
            return Err("more entities than there is room for".into());
        }
        let config = Config(config);
        let about = about(config, object)?;
        let label = config.text("object_id").or(Some(object)).and_then(field);
        let entity = components::read(component, &label.unwrap_or_else(|| slug(object)), config)?;
        let known = Known {
            about,
            entity,
            fields: Vec::new(),
        };
        self.entities.insert(key, known);
        Ok(())
    }

    /// Makes devices of what was discovered: called some time after a message, for they come one by one. What comes of
    /// it is empty where there was none.
    pub(crate) fn settle(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.is_new) {
            return Vec::new();
        }
        let mut groups: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for (key, known) in &self.entities {
            groups
                .entry(known.about.external_id.clone())
                .or_default()
                .push(key.clone());
        }
        let mut effects = Vec::new();
        for id in self.devices.keys().filter(|id| !groups.contains_key(*id)) {
            effects.push(report(id, &Map::new(), false));
            effects.push(Effect::Publish(
                REMOVED,
                json!({"external_id": id, "provider": PROVIDER}),
            ));
            if self.removed.len() < MAX_ENTITIES {
                self.removed.insert(id.clone());
            }
        }
        self.devices.retain(|id, _| groups.contains_key(id));
        let mut is_adopted = true;
        for (id, keys) in &groups {
            self.name_fields(keys);
            let discovery = self.describe(id, keys);
            let is_online = self.is_online(keys);
            let is_known = self.devices.contains_key(id);
            let device = self.devices.entry(id.clone()).or_default();
            device.is_online = is_online;
            if device.discovery != discovery {
                let properties = discovery["properties"].as_object();
                device
                    .state
                    .retain(|field, _| properties.is_some_and(|known| known.contains_key(field)));
                effects.push(Effect::Publish(DISCOVERED, discovery.clone()));
                device.discovery = discovery;
            }
            is_adopted &= is_known;
        }
        effects.extend(self.route());
        if !is_adopted {
            effects.push(Effect::Adopt);
        }
        effects
    }

    /// What the parts of a device's entities are called: by their role where no other has it, else by their own names.
    /// So it does not matter in which order they come.
    fn name_fields(&mut self, keys: &[Key]) {
        let mut roles: BTreeMap<&'static str, usize> = BTreeMap::new();
        for known in keys.iter().filter_map(|key| self.entities.get(key)) {
            for role in known.entity.parts.iter().filter_map(|part| part.role) {
                *roles.entry(role).or_default() += 1;
            }
        }
        let mut taken = BTreeSet::new();
        for key in keys {
            let Some(known) = self.entities.get_mut(key) else {
                continue;
            };
            let object = &known.entity.object;
            let names = known.entity.parts.iter().map(|part| {
                let mut name = match part.role {
                    Some(role) if roles.get(role) == Some(&1) => role.to_owned(),
                    Some(role) => format!("{role}_{object}"),
                    None => object.clone(),
                };
                if taken.contains(&name) {
                    name = format!("{name}_{}", known.entity.component);
                }
                let has_room = taken.len() < MAX_PROPERTIES && name.len() <= 64;
                (has_room && taken.insert(name.clone())).then_some(name)
            });
            known.fields = names.collect();
        }
    }

    fn describe(&mut self, id: &str, keys: &[Key]) -> Value {
        let known: Vec<&Known> = keys.iter().filter_map(|key| self.entities.get(key)).collect();
        let entities: Vec<&Entity> = known.iter().map(|known| &known.entity).collect();
        let mut properties = Map::new();
        let mut left_out = 0;
        for known in &known {
            for (part, field) in known.entity.parts.iter().zip(&known.fields) {
                match field {
                    Some(field) => {
                        properties.insert(field.clone(), schema(&known.entity, part));
                    }
                    None => left_out += 1,
                }
            }
        }
        let said =
            |what: fn(&About) -> Option<&String>| known.iter().find_map(|known| what(&known.about)).cloned();
        let name = said(|about| about.name.as_ref()).or_else(|| said(|about| about.label.as_ref()));
        let name = name.unwrap_or_else(|| id.into());
        let mut discovery = json!({
            "external_id": id, "provider": PROVIDER, "type": kind(&entities), "properties": properties,
            "name": name,
        });
        for (key, value) in [
            ("manufacturer", said(|about| about.manufacturer.as_ref())),
            ("model", said(|about| about.model.as_ref())),
            ("room_name", said(|about| about.area.as_ref())),
        ] {
            if let Some(value) = value {
                discovery[key] = json!(value);
            }
        }
        for _ in 0..left_out {
            self.counts.refuse("a property that a device has no room for", id);
        }
        discovery
    }

    /// Which entities read which topics; and what is to be subscribed to for that, and what not any more.
    fn route(&mut self) -> Vec<Effect> {
        let mut routes: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for (key, known) in &self.entities {
            let topics: BTreeSet<&str> = known.entity.topics().collect();
            for topic in topics {
                routes.entry(topic.into()).or_default().push(key.clone());
            }
        }
        let joined = routes.keys().filter(|topic| !self.routes.contains_key(*topic));
        let left = self.routes.keys().filter(|topic| !routes.contains_key(*topic));
        let effects = [
            Effect::Listen(joined.cloned().collect()),
            Effect::Leave(left.cloned().collect()),
        ];
        self.routes = routes;
        let is_empty = |effect: &Effect| matches!(effect, Effect::Listen(topics) | Effect::Leave(topics) if topics.is_empty());
        effects.into_iter().filter(|effect| !is_empty(effect)).collect()
    }

    fn is_online(&self, keys: &[Key]) -> bool {
        let mut known = keys.iter().filter_map(|key| self.entities.get(key));
        known.any(|known| known.entity.availability.is_there())
    }

    /// A message that an entity may read.
    pub(crate) fn message(&mut self, topic: &str, payload: &[u8]) -> Vec<Effect> {
        let Some(keys) = self.routes.get(topic).cloned() else {
            return Vec::new();
        };
        self.messages += 1;
        let text = match std::str::from_utf8(payload) {
            Ok(text) if text.len() <= MAX_MESSAGE => text,
            _ => {
                self.counts
                    .refuse("a message that is no text, or of more than 16 KiB", topic);
                return Vec::new();
            }
        };
        let mut touched = BTreeSet::new();
        for key in keys {
            let Some(known) = self.entities.get_mut(&key) else {
                continue;
            };
            known.entity.availability.hear(topic, text, self.messages);
            let (values, wrong) = known.entity.read(topic, text);
            if let Some(why) = wrong {
                self.counts.refuse(&why, topic);
            }
            let Some(device) = self.devices.get_mut(&known.about.external_id) else {
                continue;
            };
            for (part, value) in values {
                let field = known.fields.get(part).cloned().flatten();
                if field.is_some_and(|field| !device.keep(field, value)) {
                    self.counts
                        .refuse("a value that the house has no room for", topic);
                }
            }
            touched.insert(known.about.external_id.clone());
        }
        let mut effects = Vec::new();
        for id in touched {
            let keys: Vec<Key> = self.keys_of(&id);
            let is_online = self.is_online(&keys);
            if let Some(device) = self.devices.get_mut(&id) {
                device.is_online = is_online;
                effects.push(report(&id, &device.state, is_online));
            }
        }
        effects
    }

    fn keys_of(&self, id: &str) -> Vec<Key> {
        let known = self
            .entities
            .iter()
            .filter(|(_, known)| known.about.external_id == id);
        known.map(|(key, _)| key.clone()).collect()
    }

    /// A command for one of its devices; `None` where it is of somebody else.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn command(
        &self,
        external_id: &str,
        params: &Map<String, Value>,
    ) -> Option<Result<Command, String>> {
        match self.devices.contains_key(external_id) {
            true => Some(self.checked(external_id, params)),
            false if self.removed.contains(external_id) => Some(Err("nobody offers it any more".into())),
            false => None,
        }
    }

    fn checked(&self, external_id: &str, params: &Map<String, Value>) -> Result<Command, String> {
        let (mut messages, mut is_so, mut left) = (Vec::new(), Map::new(), params.clone());
        for key in self.keys_of(external_id) {
            let Some(known) = self.entities.get(&key) else {
                continue;
            };
            let mut values = Vec::new();
            for (at, (part, field)) in known.entity.parts.iter().zip(&known.fields).enumerate() {
                let Some(field) = field else { continue };
                let Some((field, value)) = params.get_key_value(field) else {
                    continue;
                };
                left.remove(field);
                values.push((at, field.as_str(), value));
                let is_read = part.read.is_some()
                    || known
                        .entity
                        .json
                        .as_ref()
                        .is_some_and(|light| light.state.is_some());
                if !is_read {
                    is_so.insert(field.clone(), value.clone());
                }
            }
            messages.extend(known.entity.write(&values)?);
        }
        match left.keys().next() {
            Some(field) => Err(format!("{field}: it has no such property")),
            None => Ok(Command { messages, is_so }),
        }
    }

    /// Values that are so now.
    pub(crate) fn is_so(&mut self, external_id: &str, fields: Map<String, Value>) -> Vec<Effect> {
        match self.devices.get_mut(external_id) {
            Some(device) if !fields.is_empty() => {
                for (field, value) in fields {
                    device.keep(field, value);
                }
                vec![report(external_id, &device.state, device.is_online)]
            }
            _ => Vec::new(),
        }
    }

    /// How all devices are, once more.
    pub(crate) fn report_all(&self) -> Vec<Effect> {
        let devices = self.devices.iter();
        devices
            .map(|(id, device)| report(id, &device.state, device.is_online))
            .collect()
    }

    /// What devices there are, once more.
    pub(crate) fn announce_all(&self) -> Vec<Effect> {
        let discovery = |device: &Device| Effect::Publish(DISCOVERED, device.discovery.clone());
        self.devices.values().map(discovery).collect()
    }

    /// How many entities and devices there are.
    pub(crate) fn figures(&self) -> (usize, usize) {
        (self.entities.len(), self.devices.len())
    }
}
