//! The plugin: what happens in the house leads to the broker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kernel_core::{Context, Error, Event};
use plugin_kit::{ContextValues, log, plugin};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{call, later};
use crate::effect::Effect;
use crate::found::{Command, Found};
use crate::link::{Known, Link};
use crate::lists;
use crate::names::PROVIDER;
use crate::offered::Offered;
use crate::settings::Settings;
use crate::status::Status;

/// Seconds after which is said again what devices there are.
const AGAIN: u64 = 3_600;
/// Seconds after a call that failed.
const RETRY: u64 = 10;
const REFUSED: &str = "external.device_command_refused";
/// What is listened to.
const EVENTS: [&str; 6] = [
    "device.state_changed",
    "device.online",
    "device.offline",
    "external.device_discovered",
    "internal.device_command_requested",
    "state.changed.device.*",
];

/// See the crate's documentation.
#[derive(Default)]
pub struct HomeAssistant {
    settings: Option<Settings>,
    link: Option<Arc<Link>>,
    /// Seconds since it was started.
    seconds: u64,
    /// Until when nothing is taken in, and asked of the house, because that was not answered.
    adopts: u64,
    asks: u64,
    /// Devices that the house has, offered or not.
    listed: BTreeSet<String>,
    /// They may be others now.
    is_stale: bool,
    /// What integrations said before this began was asked for.
    has_said: bool,
}

/// The payload of a command; what else it has is not looked at.
#[derive(Deserialize)]
struct Requested {
    #[serde(default)]
    internal_id: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

/// The payload of an event about a device.
#[derive(Deserialize)]
struct Changed {
    device_id: String,
    #[serde(default)]
    new: Map<String, Value>,
}

/// The answer of `devices.auto_map_external`.
#[derive(Deserialize)]
struct AutoMapped {
    created: u32,
    #[serde(default)]
    skipped: u32,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    more: bool,
}

#[derive(Serialize)]
struct Provider {
    provider: &'static str,
}

#[plugin(
    name = "homeassistant",
    description = "Home Assistant's MQTT discovery, both ways",
    author = "Home Console",
    schema
)]
impl HomeAssistant {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        self.settings = Some(Settings::read(cx).await?);
        Ok(())
    }

    #[start]
    async fn start(&mut self, cx: &Context) -> Result<(), Error> {
        let Some(settings) = &self.settings else {
            return Ok(());
        };
        let Some(broker) = settings.broker.clone() else {
            log::debug!("idle: its settings have no broker");
            return Ok(());
        };
        for filter in EVENTS {
            cx.subscribe(filter).await?;
        }
        cx.set_interval(Duration::from_secs(1)).await?;
        let offered = Offered::new(
            &settings.discovery_prefix,
            &settings.base_topic,
            settings.left_out.clone(),
        );
        let known = Known {
            prefix: settings.discovery_prefix.clone(),
            found: Found::new(&settings.base_topic, settings.ignored_origins.clone()),
            offered: settings.offers.then_some(offered),
            finds: settings.finds,
        };
        self.link = Some(Link::begin(*cx, broker, known)?);
        (self.seconds, self.adopts, self.asks, self.is_stale) = (0, 0, 0, true);
        Ok(())
    }

    #[stop]
    async fn stop(&mut self) -> Result<(), Error> {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        Ok(())
    }

    #[tick]
    async fn tick(&mut self, cx: &Context) -> Result<(), Error> {
        let (Some(settings), Some(link)) = (&self.settings, self.link.clone()) else {
            return Ok(());
        };
        self.seconds += 1;
        let is_behind = link.was_behind();
        let mut effects = link.known().found.settle();
        if is_behind || self.seconds.is_multiple_of(AGAIN) {
            effects.extend(link.known().found.announce_all());
            effects.extend(is_behind.then_some(Effect::Adopt));
        }
        if is_behind || self.seconds.is_multiple_of(settings.report_seconds) {
            effects.extend(link.known().found.report_all());
        }
        let auto_maps = settings.auto_map;
        let is_due = self.is_stale || self.seconds.is_multiple_of(settings.refresh_seconds);
        link.perform(cx, effects).await;
        if auto_maps && self.seconds >= self.adopts && link.is_to_adopt() {
            let known = adopt(cx, &link).await.unwrap_or(false);
            self.adopts = if known { 0 } else { self.seconds + RETRY };
        }
        if is_due && self.seconds >= self.asks && link.known().offered.is_some() {
            match self.refresh(cx, &link).await {
                Ok(()) => self.asks = 0,
                Err(error) => {
                    later(&error);
                    self.asks = self.seconds + RETRY;
                }
            }
        }
        Ok(())
    }

    #[event]
    async fn happened(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let Some(link) = self.link.clone() else {
            return Ok(());
        };
        if event.lost > 0 {
            log::warn!("{} events were lost before this one", event.lost);
            self.is_stale = true;
        }
        let payload = event.payload();
        let topic = event.topic();
        if let Some(id) = topic.strip_prefix("state.changed.device.") {
            self.kept(id, &read(payload.as_bytes(), topic)?);
            return Ok(());
        }
        match topic {
            "external.device_discovered" => {
                // Others may say other things than this plugin reads.
                if let Ok(said) = serde_json::from_slice(payload.as_bytes())
                    && let Some(offered) = &mut link.known().offered
                {
                    self.is_stale |= offered.hear(said);
                }
                Ok(())
            }
            "internal.device_command_requested" => {
                let requested: Requested = read(payload.as_bytes(), topic)?;
                self.requested(cx, &link, requested).await
            }
            _ => {
                let Changed { device_id, new } = read(payload.as_bytes(), topic)?;
                let effects = match &mut link.known().offered {
                    Some(offered) if topic == "device.state_changed" => offered.changed(&device_id, new),
                    Some(offered) => offered.online(&device_id, topic == "device.online"),
                    None => None,
                };
                link.perform(cx, effects.unwrap_or_default()).await;
                Ok(())
            }
        }
    }

    /// How it is with the two directions.
    #[service(".status", reads)]
    fn status(&self) -> Result<Status, Error> {
        let Some(link) = &self.link else {
            return Ok(Status::default());
        };
        let known = link.known();
        let offered = known.offered.as_ref();
        let (offered_devices, offered_entities) = offered.map_or((0, 0), Offered::figures);
        let (found_entities, found_devices) = known.found.figures();
        Ok(Status {
            configured: true,
            connected: link.is_connected(),
            offered_devices,
            offered_entities,
            commands_taken: offered.map_or(0, |offered| offered.commands),
            found_devices,
            found_entities,
            ignored: known.found.ignored,
            refused: known.found.counts.refused(),
            commands: known.found.commands,
            commands_refused: known.found.commands_refused,
            last_refused: known.found.last_refused.clone(),
        })
    }
}

impl HomeAssistant {
    /// The runtime's state of a device was set or deleted: it may be one that is new, or gone.
    fn kept(&mut self, id: &str, change: &Map<String, Value>) {
        let is_there = change.contains_key("value");
        self.is_stale |= is_there != self.listed.contains(id);
    }

    /// Offers what there is now.
    async fn refresh(&mut self, cx: &Context, link: &Link) -> Result<(), Error> {
        self.is_stale = false;
        let listed = lists::devices(cx).await.inspect_err(|_| self.is_stale = true)?;
        let mappings = lists::mappings(cx).await.inspect_err(|_| self.is_stale = true)?;
        if !self.has_said {
            let said = lists::said(cx).await.inspect_err(|_| self.is_stale = true)?;
            if let Some(offered) = &mut link.known().offered {
                for said in said {
                    offered.hear(said);
                }
            }
            self.has_said = true;
        }
        self.listed = listed.iter().map(|device| device.id().to_owned()).collect();
        let effects = {
            let mut known = link.known();
            let Some(offered) = &mut known.offered else {
                return Ok(());
            };
            let mut all = Vec::new();
            for device in listed {
                let externals = mappings.get(device.id()).map_or(&[][..], Vec::as_slice);
                if offered.is_offered(device.id(), externals) {
                    let said = externals
                        .iter()
                        .find_map(|external| offered.said(external))
                        .cloned();
                    all.push(device.own(said));
                }
            }
            offered.refresh(all)
        };
        link.perform(cx, effects).await;
        Ok(())
    }

    async fn requested(&mut self, cx: &Context, link: &Link, requested: Requested) -> Result<(), Error> {
        let Some(external_id) = &requested.external_id else {
            return Ok(());
        };
        let Some(command) = link.known().found.command(external_id, &requested.params) else {
            return Ok(());
        };
        let sent = command.and_then(|Command { messages, is_so }| {
            if !link.is_connected() {
                return Err("there is no connection to the broker".into());
            }
            for message in messages {
                link.send(&message.topic, &message.payload, message.retain)?;
            }
            Ok(is_so)
        });
        match sent {
            Ok(fields) => {
                let effects = {
                    let found = &mut link.known().found;
                    found.commands += 1;
                    found.is_so(external_id, fields)
                };
                link.perform(cx, effects).await;
                Ok(())
            }
            Err(reason) => {
                log::warn!("a command for {external_id} is refused: {reason}");
                let refused = json!({
                    "external_id": external_id, "internal_id": requested.internal_id, "provider": PROVIDER,
                    "params": requested.params, "reason": reason,
                });
                {
                    let found = &mut link.known().found;
                    found.commands_refused += 1;
                    found.last_refused = Some(reason);
                }
                cx.publish_value(REFUSED, &refused).await?;
                Ok(())
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(payload: &[u8], topic: &str) -> Result<T, Error> {
    let wrong = |error| Error::format("invalid_argument", format_args!("{topic}: {error}"));
    serde_json::from_slice(payload).map_err(wrong)
}

/// Has the house take in what it did not; false when it has not heard of all of it.
async fn adopt(cx: &Context, link: &Link) -> Result<bool, Error> {
    let provider = Provider { provider: PROVIDER };
    let called = call(cx, "devices.auto_map_external", &provider).await;
    let mapped: AutoMapped = called.inspect_err(|error| {
        later(error);
        link.adopt_again();
    })?;
    for error in &mapped.errors {
        log::warn!("a device is not taken in: {error}");
    }
    if mapped.created == 0 && !mapped.more {
        let (_, known) = link.known().found.figures();
        if mapped.skipped as usize + mapped.errors.len() >= known {
            link.has_adopted();
            return Ok(true);
        }
        // What was said of them had nobody to hear it: the house was not there yet, or was behind.
        let effects = link.known().found.announce_all();
        link.perform(cx, effects).await;
        return Ok(false);
    }
    // What was said of them before had nobody to hear it.
    let effects = link.known().found.report_all();
    link.perform(cx, effects).await;
    Ok(true)
}
