//! Devices of the house that are offered to others: what was published of them, and what comes of a change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::effect::Effect;
use crate::names::{PROVIDER, slug};
use crate::offer::{Command, Offer, Offers, Topics, offers};
use crate::own::{Own, Said};
use crate::status::Counts;
use crate::values;

/// The most topics that are remembered of what was offered once.
const MAX_HEARD: usize = 20_000;

/// What is offered.
#[derive(Debug)]
pub(crate) struct Offered {
    prefix: String,
    base: String,
    /// What is in the topics and ids of all that is offered.
    own: String,
    left_out: LeftOut,
    devices: BTreeMap<String, Offering>,
    /// What integrations say of what they found.
    said: BTreeMap<String, Said>,
    /// Whether it is known what there is, so that all else is of another time.
    is_loaded: bool,
    /// What the broker has of this program and is not offered now, with what goes with it.
    heard: BTreeMap<String, Vec<String>>,
    pub(crate) commands: u64,
}

/// What is not offered.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    pub(crate) ids: BTreeSet<String>,
    pub(crate) providers: BTreeSet<String>,
}

#[derive(Debug)]
struct Offering {
    own: Own,
    slug: String,
    /// By topic.
    configs: BTreeMap<String, String>,
    lights: Vec<String>,
    commands: BTreeMap<String, Command>,
}

impl Offered {
    /// Offers below this prefix, with topics below this base.
    pub(crate) fn new(prefix: &str, base: &str, left_out: LeftOut) -> Offered {
        Offered {
            prefix: prefix.into(),
            base: base.into(),
            own: slug(base),
            left_out,
            devices: BTreeMap::new(),
            said: BTreeMap::new(),
            is_loaded: false,
            heard: BTreeMap::new(),
            commands: 0,
        }
    }

    /// The topic that says whether this program is there.
    pub(crate) fn status_topic(&self) -> String {
        format!("{}/status", self.base)
    }

    /// The filter of the topics of commands.
    pub(crate) fn command_filter(&self) -> String {
        format!("{}/+/set/+", self.base)
    }

    /// What an integration says of what it found; that of what this plugin found does not matter here. True when it is
    /// other than before.
    pub(crate) fn hear(&mut self, said: Said) -> bool {
        if said.external_id.is_empty() || said.provider == PROVIDER {
            return false;
        }
        let old = self.said.insert(said.external_id.clone(), said.clone());
        old != Some(said)
    }

    /// What is known of this one.
    pub(crate) fn said(&self, external_id: &str) -> Option<&Said> {
        self.said.get(external_id)
    }

    /// Whether a device is offered, that has these ids at integrations.
    pub(crate) fn is_offered(&self, id: &str, external_ids: &[String]) -> bool {
        let is_found = |external_id: &String| external_id.starts_with(&format!("{PROVIDER}-"));
        let is_left_out = |external_id: &String| {
            let said = self.said.get(external_id);
            said.is_some_and(|said| self.left_out.providers.contains(&said.provider))
        };
        !self.left_out.ids.contains(id) && !external_ids.iter().any(|id| is_found(id) || is_left_out(id))
    }

    /// All devices that are to be offered, as they are now.
    pub(crate) fn refresh(&mut self, list: Vec<Own>) -> Vec<Effect> {
        let mut before = std::mem::take(&mut self.devices);
        let mut effects = Vec::new();
        for own in list {
            let old = before.remove(&own.id);
            effects.extend(self.set(own, old));
        }
        for old in before.values() {
            effects.extend(self.clear(old));
        }
        self.is_loaded = true;
        effects.extend(self.tidy());
        effects
    }

    /// Offers a device: what is other than before is published.
    fn set(&mut self, own: Own, old: Option<Offering>) -> Vec<Effect> {
        let offering = self.offering(own);
        let mut effects = Vec::new();
        let nothing = BTreeMap::new();
        let before = old.as_ref().map_or(&nothing, |old| &old.configs);
        for topic in before
            .keys()
            .filter(|topic| !offering.configs.contains_key(*topic))
        {
            effects.push(retained(topic, ""));
        }
        let is_other = |(topic, config): &(&String, &String)| before.get(*topic) != Some(config);
        let configs = offering.configs.iter().filter(is_other);
        effects.extend(configs.map(|(topic, config)| retained(topic, config)));
        if old
            .as_ref()
            .is_none_or(|old| old.own.reported != offering.own.reported || old.lights != offering.lights)
        {
            effects.extend(self.state(&offering));
        }
        if old.is_none_or(|old| old.own.online != offering.own.online) {
            effects.push(self.availability(&offering));
        }
        self.devices.insert(offering.own.id.clone(), offering);
        effects
    }

    fn offering(&self, own: Own) -> Offering {
        let slug = slug(&own.id);
        let topics = Topics {
            base: &self.base,
            slug: &slug,
        };
        let Offers { entities, commands } = offers(&own, &topics);
        let configs = entities.iter().map(|offer| {
            let topic = format!(
                "{}/{}/{}/{slug}-{}/config",
                self.prefix, offer.component, self.own, offer.key
            );
            (topic, self.config(&own, &slug, offer).to_string())
        });
        Offering {
            configs: configs.collect(),
            lights: entities.iter().filter_map(|offer| offer.light.clone()).collect(),
            commands,
            own,
            slug,
        }
    }

    fn config(&self, own: &Own, slug: &str, offer: &Offer) -> Value {
        let topics = Topics {
            base: &self.base,
            slug,
        };
        let mut device = json!({"identifiers": [format!("{}_{slug}", self.own)], "name": own.name});
        let said = own.said.as_ref();
        for (key, value) in [
            ("manufacturer", said.and_then(|said| said.manufacturer.as_ref())),
            ("model", said.and_then(|said| said.model.as_ref())),
            ("suggested_area", own.room.as_ref()),
        ] {
            if let Some(value) = value {
                device[key] = json!(value);
            }
        }
        let mut config = offer.config.clone();
        for (key, value) in [
            ("unique_id", json!(format!("{}_{slug}_{}", self.own, offer.key))),
            (
                "availability",
                json!([{"topic": self.status_topic()}, {"topic": topics.availability()}]),
            ),
            ("availability_mode", json!("all")),
            ("qos", json!(1)),
            ("device", device),
            (
                "origin",
                json!({"name": "Core Runtime", "sw_version": env!("CARGO_PKG_VERSION")}),
            ),
        ] {
            config.insert(key.into(), value);
        }
        Value::Object(config)
    }

    fn state(&self, offering: &Offering) -> Vec<Effect> {
        let topics = Topics {
            base: &self.base,
            slug: &offering.slug,
        };
        let reported = &offering.own.reported;
        let mut effects = vec![retained(
            &topics.state(),
            &Value::Object(reported.clone()).to_string(),
        )];
        for suffix in &offering.lights {
            effects.push(retained(
                &topics.light(suffix),
                &values::light(reported, suffix).to_string(),
            ));
        }
        effects
    }

    fn availability(&self, offering: &Offering) -> Effect {
        let topics = Topics {
            base: &self.base,
            slug: &offering.slug,
        };
        retained(
            &topics.availability(),
            if offering.own.online { "online" } else { "offline" },
        )
    }

    /// Takes a device back.
    fn clear(&self, old: &Offering) -> Vec<Effect> {
        let topics = Topics {
            base: &self.base,
            slug: &old.slug,
        };
        let mut gone: Vec<String> = old.configs.keys().cloned().collect();
        gone.extend([topics.state(), topics.availability()]);
        gone.extend(old.lights.iter().map(|suffix| topics.light(suffix)));
        gone.iter().map(|topic| retained(topic, "")).collect()
    }

    /// A device has these fields now; `None` when it is not known whether there is such a device.
    pub(crate) fn changed(&mut self, id: &str, reported: Map<String, Value>) -> Option<Vec<Effect>> {
        let offering = self.devices.get_mut(id)?;
        if offering.own.reported == reported {
            return Some(Vec::new());
        }
        if is_alike(&offering.own.reported, &reported) {
            offering.own.reported = reported;
            let offering = self.devices.get(id)?;
            return Some(self.state(offering));
        }
        let old = self.devices.remove(id)?;
        let own = Own {
            reported,
            ..old.own.clone()
        };
        Some(self.set(own, Some(old)))
    }

    /// A device is there, or is not.
    pub(crate) fn online(&mut self, id: &str, online: bool) -> Option<Vec<Effect>> {
        let old = self.devices.remove(id)?;
        let own = Own {
            online,
            ..old.own.clone()
        };
        Some(self.set(own, Some(old)))
    }

    /// All of it once more: somebody new wants to know.
    pub(crate) fn again(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for offering in self.devices.values() {
            effects.extend(
                offering
                    .configs
                    .iter()
                    .map(|(topic, config)| retained(topic, config)),
            );
        }
        for offering in self.devices.values() {
            effects.extend(self.state(offering));
            effects.push(self.availability(offering));
        }
        effects
    }

    /// The broker has a discovery of this program, perhaps of another time: `path` is its topic between the prefix and
    /// `/config`. False when it is of somebody else.
    pub(crate) fn heard(&mut self, path: &str, payload: &[u8]) -> Vec<Effect> {
        let mut levels = path.split('/').skip(1);
        if levels.next() != Some(self.own.as_str()) || payload.is_empty() || self.heard.len() >= MAX_HEARD {
            return Vec::new();
        }
        let config: Value = serde_json::from_slice(payload).unwrap_or_default();
        let availability = config["availability"].as_array().into_iter().flatten();
        let mut topics: Vec<&str> = availability.filter_map(|item| item["topic"].as_str()).collect();
        topics.extend(config["state_topic"].as_str());
        let (status, below) = (self.status_topic(), format!("{}/", self.base));
        let of_ours = topics
            .into_iter()
            .filter(|topic| *topic != status && topic.starts_with(&below));
        let gone = of_ours.map(String::from).collect();
        self.heard.insert(format!("{}/{path}/config", self.prefix), gone);
        self.tidy()
    }

    /// Takes back what was offered once and is not now.
    fn tidy(&mut self) -> Vec<Effect> {
        if !self.is_loaded {
            return Vec::new();
        }
        let mut effects = Vec::new();
        for (topic, more) in std::mem::take(&mut self.heard) {
            if self
                .devices
                .values()
                .any(|offering| offering.configs.contains_key(&topic))
            {
                continue;
            }
            effects.push(retained(&topic, ""));
            let slugs = self
                .devices
                .values()
                .map(|offering| format!("{}/{}/", self.base, offering.slug));
            let slugs: Vec<String> = slugs.collect();
            let is_used = |topic: &&String| slugs.iter().any(|slug| topic.starts_with(slug));
            effects.extend(
                more.iter()
                    .filter(|topic| !is_used(topic))
                    .map(|topic| retained(topic, "")),
            );
        }
        effects
    }

    /// A command that came at this topic, for whom and what it sets; `None` when it is none.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) fn command(
        &mut self,
        topic: &str,
        payload: &[u8],
        is_retained: bool,
        counts: &mut Counts,
    ) -> Option<Vec<Effect>> {
        let below = topic.strip_prefix(self.base.as_str())?.strip_prefix('/')?;
        let (slug, key) = below.split_once("/set/")?;
        let outcome = self.checked(slug, key, payload, is_retained);
        let effects = outcome.unwrap_or_else(|why| {
            counts.refuse(why, topic);
            Vec::new()
        });
        self.commands += effects.len() as u64;
        Some(effects)
    }

    fn checked(
        &self,
        slug: &str,
        key: &str,
        payload: &[u8],
        is_retained: bool,
    ) -> Result<Vec<Effect>, &'static str> {
        if is_retained {
            return Err("a command that is retained, and so of another time");
        }
        let offering = self.devices.values().find(|offering| offering.slug == slug);
        let offering = offering.ok_or("a command for a device that is not offered")?;
        let command = offering
            .commands
            .get(key)
            .ok_or("a command for what a device does not have")?;
        let payload = std::str::from_utf8(payload).map_err(|_| "a command that is no text")?;
        let fields = values::command(command, payload)?;
        Ok(vec![Effect::SetState(
            offering.own.id.clone(),
            Value::Object(fields),
        )])
    }

    /// How many devices and entities are offered.
    pub(crate) fn figures(&self) -> (usize, usize) {
        let entities = self.devices.values().map(|offering| offering.configs.len());
        (self.devices.len(), entities.sum())
    }
}

/// Whether both have the same fields, each of the same kind: then so are the entities.
fn is_alike(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let kinds = |fields: &Map<String, Value>| -> Vec<_> {
        let kinds = fields
            .iter()
            .map(|(name, value)| (name.clone(), std::mem::discriminant(value)));
        kinds.collect()
    };
    kinds(one) == kinds(other)
}

fn retained(topic: &str, payload: &str) -> Effect {
    Effect::Send(topic.into(), payload.into(), true)
}
