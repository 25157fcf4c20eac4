//! A bridge between the bus and an MQTT broker: rules in both directions, and a service that publishes.
//!
//! Without the setting `broker` it does nothing and costs nothing. Several brokers are several plugins:
//! `[plugins.garage] is = "mqtt"` makes one more, whose services and events are below `garage`.
//!
//! # Services
//!
//! | service | arguments | reply |
//! |---|---|---|
//! | `mqtt.publish` | `{topic, payload, qos?, retain?, encoding?}` | `null`, once the broker acknowledged it; with QoS 0, once it is written |
//! | `mqtt.status` | | the connection, what was bridged, and what was not |
//!
//! A call of `mqtt.publish` that reached its deadline may still be carried out: the message is sent when the broker is there.
//! `payload` is any JSON; `encoding` says what is sent of it, as in the rules: `text`, unless it is said, for a string, and
//! `json` for anything else. `qos` is 1 unless it is said.
//!
//! # Events
//!
//! `mqtt.connected` `{}` and `mqtt.disconnected` `{"reason"}`, and what the rules say.
//!
//! # Rules
//!
//! `{"from_broker": "zigbee/+/temperature", "to_topic": "sensor.*.temperature"}` publishes on the bus what the broker sends;
//! `{"from_topic": "device.>", "to_broker": "home/#"}` publishes at the broker what is published on the bus. `+` and `*` are
//! one level or token, `#` and `>` the rest; both filters have the same wildcards in the same order, and what stands for
//! one goes in the other's place. A message or event that several rules are for goes by each of them.
//!
//! | key | unless set | |
//! |---|---|---|
//! | `qos` | 1 | of the subscription, or of what is published |
//! | `payload` | `json` | what the bytes at the broker are: `json`; `text`, a string on the bus; `base64`, any bytes |
//! | `retain` | false | of `to_broker`: the broker keeps it |
//! | `retained` | `once` | of `from_broker`: a message that the broker kept is published unless it was the last one of its topic (of 10,000); `always`; `never` |
//!
//! A level that is no token is written with `%` and two hexadecimal digits for each byte of `.`, `*`, `>`, `%`, white space
//! and control characters, and an empty one as `%` alone: `a b//1.5` is `a%20b.%.1%2E5`. The other way a token is read so.
//! What has no topic on the other side is counted as `not_mapped`: more than 128 bytes or 16 tokens; nothing in place of
//! `#`; a token that is that of no level, such as `50%`.
//!
//! No loop: an event that the plugin itself published, from the broker, does not go to the broker, and the broker does not
//! send back what the plugin published: with MQTT 5 it is asked not to, with 3.1.1 rules that would let it are refused.
//!
//! # Settings
//!
//! | key | unless set | |
//! |---|---|---|
//! | `broker` | | `mqtt://HOST[:1883]`, or `mqtts://HOST[:8883]` with TLS |
//! | `version` | `5` | or `3.1.1` |
//! | `client_id` | random | the broker has one client of a name |
//! | `username` | | |
//! | `password_file`, `password_env` | | a file that its owner alone may read, or an environment variable |
//! | `ca_file` | the system's | the certificates that are trusted, in PEM |
//! | `keep_alive_s` | 30 | 5 to 3,600 |
//! | `clean_start` | true | false: the broker may have kept messages since a former process of this `client_id` |
//! | `session_expiry_s` | 600 | how long it keeps them while the connection is lost (MQTT 5), 0 to 604,800 |
//! | `queue` | 1,000 | messages that wait, each way, 1 to 100,000; the oldest go |
//! | `in_flight` | 100 | messages that are sent and not acknowledged, 1 to 1,000 |
//! | `max_packet` | 1,048,576 | bytes of the largest packet, 1,024 to 16,777,216 |
//! | `reconnect_max_s` | 30 | the longest pause between two attempts to connect, 1 to 3,600 |
//! | `availability` | | a topic with `online` and, by the last will, `offline`, retained |
//! | `rules` | none | see above |
//!
//! # Errors
//!
//! `no_broker` where none is set; `invalid_argument`, `too_large`, `dropped` (the queue was full), `refused` (by the broker) and
//! `closed` of `mqtt.publish`. What is lost and what is counted is in `docs/mqtt.md`.

mod bridge;
mod counts;
mod escape;
mod mapping;
mod payload;
mod rules;
mod settings;
mod types;

use std::sync::Arc;
use std::time::Duration;

use kernel_core::subject::MAX_NAME;
use kernel_core::{Context, Error, Event, Json, Mailbox, Name, Replied, Reply, Request};
use mqtt_client::Client;
use plugin_kit::Args;
use plugin_kit::prelude::*;

pub use counts::Bridged;
pub use mqtt_client::Counters;
pub use payload::Encoding;
pub use types::{Publish, Status};

use bridge::Bridge;
use settings::Settings;

/// How long the last messages have to be acknowledged when the plugin is stopped.
const FAREWELL: Duration = Duration::from_secs(2);

/// See the crate's documentation.
#[derive(Debug, Default)]
pub struct Mqtt {
    /// From its load on, where there is a broker.
    bridge: Option<(Arc<Bridge>, mqtt_client::Options)>,
    /// While it is started.
    client: Option<Client>,
}

#[plugin(
    name = "mqtt",
    description = "A bridge between the bus and an MQTT broker",
    schema,
    instances
)]
impl Mqtt {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let own = cx.name_of(cx.id(), &mut [0; MAX_NAME]).await?.to_owned();
        let Some(Settings { options, rules }) = Settings::read(cx).await? else {
            log::debug!("{own} has no broker in its settings, and does nothing");
            return Ok(());
        };
        for rule in &rules.to_broker {
            cx.subscribe(Name::Copied(&rule.filter)).await?;
        }
        let bridge = Bridge {
            own,
            broker: options.broker.clone(),
            rules,
            counts: counts::Counts::default(),
        };
        self.bridge = Some((Arc::new(bridge), options));
        Ok(())
    }

    #[start]
    fn start(&mut self, cx: &Context) -> Result<(), Error> {
        let Some((bridge, options)) = &self.bridge else {
            return Ok(());
        };
        let (of_thread, cx) = (Arc::clone(bridge), *cx);
        let client = mqtt_client::serve(options.clone(), move |incoming| of_thread.to_bus(cx, incoming))?;
        for rule in &bridge.rules.from_broker {
            client.subscribe_to_others(&rule.filter, rule.qos)?;
        }
        self.client = Some(client);
        Ok(())
    }

    #[stop]
    async fn stop(&mut self) -> Result<(), Error> {
        if let Some(client) = self.client.take() {
            client.close(FAREWELL).await;
        }
        Ok(())
    }

    #[event]
    fn event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        if let (Some((bridge, _)), Some(client)) = (&self.bridge, &self.client) {
            bridge.to_broker(cx, client, &event);
        }
        Ok(())
    }

    /// Publishes a message at the broker, and answers when the broker acknowledged it.
    #[service(".publish", examples = [r#"{"topic": "home/lamp/set", "payload": {"on": true}, "qos": 1, "retain": false}"#])]
    fn publish(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
        args: Args<Publish>,
    ) -> Result<Replied, Error> {
        let client = self.client.as_ref().ok_or_else(no_broker)?;
        let (mailbox, id) = (Mailbox::new(*cx), call.id);
        client.publish_then(args.0.message()?, move |result| {
            let error = result.map_err(Error::from);
            let answer = match &error {
                Ok(()) => Ok(Json::NULL),
                Err(error) => Err(error),
            };
            // Whoever called may be gone.
            let _ = mailbox.reply(id, answer).now();
        })?;
        Ok(reply.later())
    }

    /// How the connection is, what was bridged, and what was not.
    #[service(".status", reads)]
    fn status(&mut self) -> Result<Status, Error> {
        let bridge = self.bridge.as_ref().map(|(bridge, _)| bridge);
        let connection = self.client.as_ref().map(Client::counters);
        Ok(Status {
            broker: bridge.map(|bridge| bridge.broker.clone()),
            connected: connection.as_ref().is_some_and(|connection| connection.connected),
            rules: bridge.map_or(0, |bridge| {
                (bridge.rules.from_broker.len() + bridge.rules.to_broker.len()) as u64
            }),
            connection: connection.unwrap_or_default(),
            bridged: bridge.map(|bridge| bridge.counts.get()).unwrap_or_default(),
        })
    }
}

fn no_broker() -> Error {
    Error::new(
        "no_broker",
        "no broker is set: write `broker = \"mqtt://HOST\"` in the plugin's settings, and reload it",
    )
}
