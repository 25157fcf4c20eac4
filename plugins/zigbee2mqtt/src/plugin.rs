//! The plugin: what the house wants leads to the broker.

use std::sync::Arc;
use std::time::Duration;

use kernel_core::{Context, Error};
use plugin_kit::{Args, Arguments, ContextValues, log, plugin};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::bridge::Bridge;
use crate::effect::Effect;
use crate::link::Link;
use crate::network::PROVIDER;
use crate::settings::Settings;
use crate::status::{Status, first};

/// Seconds after which is said again what devices there are.
const AGAIN: u64 = 3_600;
/// Seconds after a call that failed.
const RETRY: u64 = 10;
const REFUSED: &str = "external.device_command_refused";

/// See the crate's documentation.
#[derive(Default)]
pub struct Zigbee2Mqtt {
    settings: Option<Settings>,
    link: Option<Arc<Link>>,
    /// Seconds since it was started.
    seconds: u64,
    /// Until when nothing is taken in, because nobody took it.
    waits: u64,
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

impl Arguments for Requested {}

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
    name = "zigbee2mqtt",
    description = "The devices and groups of Zigbee2MQTT",
    author = "Home Console",
    schema,
    instances
)]
impl Zigbee2Mqtt {
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
        let bridge = Bridge::new(&settings.base_topic, settings.read_on_start);
        self.link = Some(Link::begin(*cx, broker, bridge)?);
        (self.seconds, self.waits) = (0, 0);
        cx.set_interval(Duration::from_secs(1)).await?;
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
        let (Some(settings), Some(link)) = (&self.settings, &self.link) else {
            return Ok(());
        };
        self.seconds += 1;
        let is_behind = link.was_behind();
        let mut effects = Vec::new();
        if is_behind || self.seconds.is_multiple_of(AGAIN) {
            effects.extend(link.bridge().announce_all());
            effects.extend(is_behind.then_some(Effect::Adopt));
        }
        if is_behind || self.seconds.is_multiple_of(settings.report_seconds) {
            effects.extend(link.bridge().report_all());
        }
        link.perform(cx, effects).await;
        if settings.auto_map && self.seconds >= self.waits && link.is_to_adopt() {
            let known = adopt(cx, link).await.unwrap_or(false);
            self.waits = if known { 0 } else { self.seconds + RETRY };
        }
        Ok(())
    }

    #[on("internal.device_command_requested")]
    async fn requested(&mut self, cx: &Context, Args(requested): Args<Requested>) -> Result<(), Error> {
        let (Some(link), Some(external_id)) = (&self.link, &requested.external_id) else {
            return Ok(());
        };
        let Some(command) = link.bridge().command(external_id, &requested.params) else {
            return Ok(());
        };
        let sent = command.and_then(|command| {
            link.send(command.topic, command.payload.to_string().into_bytes())?;
            Ok(command.is_so)
        });
        match sent {
            Ok(fields) => {
                let effects = {
                    let mut bridge = link.bridge();
                    bridge.counts.commands += 1;
                    bridge.is_so(external_id, fields)
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
                    let counts = &mut link.bridge().counts;
                    counts.commands_refused += 1;
                    counts.last_refused = Some(reason);
                }
                cx.publish_value(REFUSED, &refused).await?;
                Ok(())
            }
        }
    }

    /// How it is with Zigbee2MQTT.
    #[service(".status", reads)]
    fn status(&self) -> Result<Status, Error> {
        let Some(link) = &self.link else {
            return Ok(Status::default());
        };
        let bridge = link.bridge();
        let (figures, counts) = (bridge.figures(), &bridge.counts);
        Ok(Status {
            configured: true,
            connected: figures.connected,
            online: figures.online,
            devices: figures.devices,
            groups: figures.groups,
            available: figures.available,
            skipped: figures.skipped.len(),
            skipped_first: first(&figures.skipped),
            messages: counts.messages,
            refused: counts.refused(),
            commands: counts.commands,
            commands_refused: counts.commands_refused,
            last_refused: counts.last_refused.clone(),
        })
    }
}

/// Has the house take in what it did not; false when it has not heard of all of it.
async fn adopt(cx: &Context, link: &Link) -> Result<bool, Error> {
    let provider = Provider { provider: PROVIDER };
    let called = cx.call_value("devices.auto_map_external", &provider, None).await;
    let mapped: AutoMapped = called.inspect_err(|error| {
        match error.code() {
            // That nobody has the service is nobody's mistake.
            "not_found" => log::debug!("devices are taken in later: {error}"),
            _ => log::warn!("devices are taken in later: {error}"),
        }
        link.adopt_again();
    })?;
    for error in &mapped.errors {
        log::warn!("a device is not taken in: {error}");
    }
    if mapped.created == 0 && !mapped.more {
        let figures = link.bridge().figures();
        let known = figures.devices + figures.groups;
        if mapped.skipped as usize + mapped.errors.len() >= known {
            link.has_adopted();
            return Ok(true);
        }
        // What was said of them had nobody to hear it: the house was not there yet, or was behind.
        let effects = link.bridge().announce_all();
        link.perform(cx, effects).await;
        return Ok(false);
    }
    // What was said of them before had nobody to hear it.
    let effects = link.bridge().report_all();
    link.perform(cx, effects).await;
    Ok(true)
}
