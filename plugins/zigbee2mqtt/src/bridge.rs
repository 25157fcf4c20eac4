//! What is known of a Zigbee network, and what comes of a message about it: what is published in the house and sent to
//! the broker. It knows neither; see `plugin`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::command::{Command, command};
use crate::effect::{DISCOVERED, Effect, REMOVED};
use crate::entry::{Entry, report, state};
use crate::network::{self, Device, Listed, PROVIDER, Skipped};
use crate::payload::{availability, parsed, text};
use crate::status::Counts;

/// The most bytes of a message about the state of a device.
const MAX_MESSAGE: usize = 64 * 1024;
/// The most devices that are remembered once they are gone.
const MAX_REMOVED: usize = 1_000;

/// What is known.
#[derive(Debug)]
pub(crate) struct Bridge {
    base: String,
    reads: bool,
    is_connected: bool,
    is_online: bool,
    devices: Known,
    groups: Known,
    /// The list of groups, which says something else once devices are other.
    group_list: Option<Value>,
    skipped_devices: Vec<Skipped>,
    skipped_groups: Vec<Skipped>,
    /// What was listed once: there may be other networks with devices of their own.
    removed: BTreeSet<String>,
    pub(crate) counts: Counts,
}

type Known = BTreeMap<String, Entry>;

impl Bridge {
    /// One below this base topic; with `reads` devices are asked how they are.
    pub(crate) fn new(base: &str, reads: bool) -> Bridge {
        Bridge {
            base: base.into(),
            reads,
            is_connected: false,
            is_online: false,
            devices: Known::new(),
            groups: Known::new(),
            group_list: None,
            skipped_devices: Vec::new(),
            skipped_groups: Vec::new(),
            removed: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// The topics about the network itself, which are wanted all the time.
    pub(crate) fn topics_of_bridge(&self) -> Vec<String> {
        let topics = [
            "state",
            "devices",
            "groups",
            "event",
            "response/device/remove",
            "response/device/rename",
            "response/group/remove",
            "response/group/rename",
        ];
        topics.map(|topic| format!("{}/bridge/{topic}", self.base)).into()
    }

    /// The connection is there, again perhaps.
    pub(crate) fn connected(&mut self) -> Vec<Effect> {
        self.is_connected = true;
        self.report_all()
    }

    /// It is gone: nobody knows how devices are, nor that they are off line.
    pub(crate) fn disconnected(&mut self) {
        self.is_connected = false;
    }

    /// What comes of a message.
    pub(crate) fn message(&mut self, topic: &str, payload: &[u8], is_retained: bool) -> Vec<Effect> {
        self.counts.messages += 1;
        let below = topic
            .strip_prefix(self.base.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(below) = below else {
            return self.refuse("a topic of somebody else", topic);
        };
        let below = below.to_owned();
        let outcome = match below.strip_prefix("bridge/") {
            Some(about) => self.bridge(about, payload),
            None => self.device(&below, payload, is_retained),
        };
        outcome.unwrap_or_else(|why| self.refuse(why, topic))
    }

    fn refuse(&mut self, why: &'static str, topic: &str) -> Vec<Effect> {
        self.counts.refuse(why, topic);
        Vec::new()
    }

    fn bridge(&mut self, about: &str, payload: &[u8]) -> Result<Vec<Effect>, &'static str> {
        match about {
            "state" => self.bridge_state(payload),
            "devices" => self.list(&parsed(payload)?),
            "groups" => self.list_groups(parsed(payload)?),
            "event" => self.event(&parsed(payload)?),
            _ => match about.strip_prefix("response/") {
                Some(what) => self.response(what, &parsed(payload)?),
                None => Err("a topic that was not asked for"),
            },
        }
    }

    fn bridge_state(&mut self, payload: &[u8]) -> Result<Vec<Effect>, &'static str> {
        let is_online = availability(payload)?;
        if is_online == self.is_online {
            return Ok(Vec::new());
        }
        self.is_online = is_online;
        Ok(self.report_all())
    }

    fn list(&mut self, list: &Value) -> Result<Vec<Effect>, &'static str> {
        let Listed { devices, skipped } = network::devices(list)?;
        self.skipped_devices = skipped;
        let mut effects = self.replace(devices, |bridge| &mut bridge.devices);
        if let Some(list) = self.group_list.take() {
            effects.extend(self.list_groups(list)?);
        }
        Ok(effects)
    }

    fn list_groups(&mut self, list: Value) -> Result<Vec<Effect>, &'static str> {
        let devices = self
            .devices
            .iter()
            .map(|(id, entry)| (id.clone(), &entry.device))
            .collect();
        let Listed { devices, skipped } = network::groups(&list, &self.base, &devices)?;
        self.skipped_groups = skipped;
        self.group_list = Some(list);
        Ok(self.replace(devices, |bridge| &mut bridge.groups))
    }

    /// A new list in place of the old one.
    fn replace(&mut self, list: Vec<Device>, which: fn(&mut Bridge) -> &mut Known) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut before = std::mem::take(which(self));
        let (mut joined, mut left, mut is_new) = (Vec::new(), Vec::new(), false);
        for device in list {
            let old = before.remove(&device.external_id);
            let is_same = old.as_ref().is_some_and(|old| old.device == device);
            if old.as_ref().is_none_or(|old| old.device.name != device.name) {
                joined.extend(self.topics(&device.name));
                left.extend(old.iter().flat_map(|old| self.topics(&old.device.name)));
            }
            if old.is_none() {
                is_new = true;
                effects.extend(self.ask(&device));
            }
            if !is_same {
                effects.push(Effect::Publish(DISCOVERED, device.discovery()));
            }
            let (state, available) = old.map_or((Map::new(), None), |old| (old.state, old.available));
            let entry = Entry {
                device,
                state,
                available,
            };
            self.removed.remove(&entry.device.external_id);
            which(self).insert(entry.device.external_id.clone(), entry);
        }
        for entry in before.into_values() {
            left.extend(self.topics(&entry.device.name));
            effects.extend(self.gone(&entry));
        }
        // Two devices may have changed their names with one another.
        left.retain(|topic| !joined.contains(topic));
        for (topics, effect) in [(left, Effect::Leave as fn(_) -> _), (joined, Effect::Listen)] {
            if !topics.is_empty() {
                effects.push(effect(topics));
            }
        }
        if is_new {
            effects.push(Effect::Adopt);
        }
        effects
    }

    fn event(&mut self, event: &Value) -> Result<Vec<Effect>, &'static str> {
        match text(event, "type").ok_or("an event without a type")? {
            "device_leave" => {
                let data = event.get("data").ok_or("an event without data")?;
                let address = text(data, "ieee_address").ok_or("an event without an address")?;
                Ok(self.remove(address))
            }
            // What they change is in the next list of devices.
            _ => Ok(Vec::new()),
        }
    }

    fn response(&mut self, what: &str, response: &Value) -> Result<Vec<Effect>, &'static str> {
        if text(response, "status") != Some("ok") {
            return Ok(Vec::new());
        }
        let data = response.get("data").ok_or("a response without data")?;
        match what {
            "device/remove" | "group/remove" => {
                let id = data.get("id").ok_or("a response without an id")?;
                let id = id.as_str().map_or_else(|| id.to_string(), String::from);
                Ok(self.remove(&id))
            }
            "device/rename" | "group/rename" => {
                let name = |key| text(data, key).ok_or("a response without names");
                Ok(self.rename(name("from")?, name("to")?))
            }
            _ => Err("a topic that was not asked for"),
        }
    }

    /// Takes away what has this address, or name.
    fn remove(&mut self, id: &str) -> Vec<Effect> {
        let external_ids = [format!("{PROVIDER}-{id}"), network::group_id(&self.base, id)];
        let mut removed = Vec::new();
        for known in [&mut self.devices, &mut self.groups] {
            let is_it =
                |key: &String, entry: &mut Entry| external_ids.contains(key) || entry.device.name == id;
            removed.extend(known.extract_if(.., is_it).map(|(_, entry)| entry));
        }
        let mut effects = Vec::new();
        for entry in removed {
            effects.extend(self.gone(&entry));
            effects.push(Effect::Leave(self.topics(&entry.device.name).into()));
        }
        effects
    }

    /// A device is not there any more.
    fn gone(&mut self, entry: &Entry) -> [Effect; 2] {
        let Device {
            external_id, name, ..
        } = &entry.device;
        if self.removed.len() < MAX_REMOVED {
            self.removed.insert(external_id.clone());
        }
        let removed = json!({"external_id": external_id, "provider": PROVIDER, "name": name});
        [
            report(external_id, &Map::new(), false),
            Effect::Publish(REMOVED, removed),
        ]
    }

    fn rename(&mut self, from: &str, to: &str) -> Vec<Effect> {
        let (old, new) = (self.topics(from), self.topics(to));
        let mut entries = self.devices.values_mut().chain(self.groups.values_mut());
        let Some(entry) = entries.find(|entry| entry.device.name == from) else {
            return Vec::new();
        };
        entry.device.name = to.into();
        let discovery = entry.device.discovery();
        vec![
            Effect::Leave(old.into()),
            Effect::Listen(new.into()),
            Effect::Publish(DISCOVERED, discovery),
        ]
    }

    /// A message below the name of a device.
    fn device(
        &mut self,
        below: &str,
        payload: &[u8],
        is_retained: bool,
    ) -> Result<Vec<Effect>, &'static str> {
        // What is retained no more.
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        if payload.len() > MAX_MESSAGE {
            return Err("a message of more than 64 KiB");
        }
        let bridge_is_online = self.is_online;
        let mut entries = self.devices.values_mut().chain(self.groups.values_mut());
        if let Some(entry) = entries.find(|entry| entry.device.name == below) {
            return state(entry, payload, is_retained, bridge_is_online, &mut self.counts);
        }
        let name = below
            .strip_suffix("/availability")
            .ok_or("a device that is not listed")?;
        let mut entries = self.devices.values_mut().chain(self.groups.values_mut());
        let entry = entries.find(|entry| entry.device.name == name);
        let entry = entry.ok_or("a device that is not listed")?;
        let before = entry.is_online(bridge_is_online);
        entry.available = Some(availability(payload)?);
        match entry.is_online(bridge_is_online) == before {
            true => Ok(Vec::new()),
            false => Ok(vec![entry.report(bridge_is_online)]),
        }
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
        let listed = self
            .devices
            .get(external_id)
            .or_else(|| self.groups.get(external_id));
        match listed {
            Some(entry) => Some(self.checked(&entry.device, params)),
            None if self.removed.contains(external_id) => {
                Some(Err("Zigbee2MQTT does not list it any more".into()))
            }
            None => None,
        }
    }

    fn checked(&self, device: &Device, params: &Map<String, Value>) -> Result<Command, String> {
        match (self.is_connected, self.is_online) {
            (false, _) => Err("there is no connection to the broker".into()),
            (true, false) => Err("Zigbee2MQTT is off line".into()),
            (true, true) => command(&self.base, device, params),
        }
    }

    /// What a device with this id is, once more, with values that are so now.
    pub(crate) fn is_so(&mut self, external_id: &str, fields: Map<String, Value>) -> Vec<Effect> {
        let is_online = self.is_online;
        match find(&mut self.devices, &mut self.groups, external_id) {
            Some(entry) if !fields.is_empty() => {
                entry.state.extend(fields);
                vec![entry.report(is_online)]
            }
            _ => Vec::new(),
        }
    }

    /// How all devices are, once more: whoever hears nothing of a device for long takes it to be off line.
    pub(crate) fn report_all(&self) -> Vec<Effect> {
        match self.is_connected {
            true => self.entries().map(|entry| entry.report(self.is_online)).collect(),
            false => Vec::new(),
        }
    }

    /// What devices there are, once more: whoever wants to know may come later.
    pub(crate) fn announce_all(&self) -> Vec<Effect> {
        let discovery = |entry: &Entry| Effect::Publish(DISCOVERED, entry.device.discovery());
        self.entries().map(discovery).collect()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.devices.values().chain(self.groups.values())
    }

    fn topics(&self, name: &str) -> [String; 2] {
        [
            format!("{}/{name}", self.base),
            format!("{}/{name}/availability", self.base),
        ]
    }

    /// Asks a device how it is.
    fn ask(&self, device: &Device) -> Option<Effect> {
        let main = device
            .properties
            .iter()
            .filter(|property| property.is_main && property.access.get);
        let wanted: Map<String, Value> = main
            .filter(|property| property.kind.is_scalar())
            .map(|property| (property.wire.clone(), json!("")))
            .collect();
        let is_asked = self.reads && device.is_powered && !wanted.is_empty();
        is_asked.then(|| {
            let topic = format!("{}/{}/get", self.base, device.name);
            Effect::Send(topic, Value::Object(wanted).to_string().into_bytes())
        })
    }

    /// How it is with the connection, and how many devices there are.
    pub(crate) fn figures(&self) -> Figures {
        let online = self.entries().filter(|entry| entry.is_online(self.is_online));
        Figures {
            connected: self.is_connected,
            online: self.is_online,
            devices: self.devices.len(),
            groups: self.groups.len(),
            available: online.count(),
            skipped: self
                .skipped_devices
                .iter()
                .chain(&self.skipped_groups)
                .cloned()
                .collect(),
        }
    }
}

/// See [`Bridge::figures`].
pub(crate) struct Figures {
    pub(crate) connected: bool,
    pub(crate) online: bool,
    pub(crate) devices: usize,
    pub(crate) groups: usize,
    pub(crate) available: usize,
    pub(crate) skipped: Vec<Skipped>,
}

fn find<'k>(devices: &'k mut Known, groups: &'k mut Known, external_id: &str) -> Option<&'k mut Entry> {
    devices
        .get_mut(external_id)
        .or_else(|| groups.get_mut(external_id))
}
