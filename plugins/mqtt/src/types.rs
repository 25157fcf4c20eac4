//! What the services take and answer.

use kernel_core::Error;
use mqtt_client::{Counters, Message, Qos, topic};
use plugin_kit::Arguments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Bridged;
use crate::payload::Encoding;

/// A message to be published.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The topic, without wildcards.
    #[schemars(length(min = 1, max = 65_535))]
    pub topic: String,
    /// The payload: any JSON.
    #[serde(default)]
    pub payload: Value,
    /// How surely it arrives: 0, 1 or 2.
    #[serde(default = "at_least_once")]
    #[schemars(with = "u8", range(max = 2))]
    pub qos: Qos,
    /// Whether the broker keeps it.
    #[serde(default)]
    pub retain: bool,
    /// What is sent of the payload; `text` for a string and `json` for anything else unless it is said.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

fn at_least_once() -> Qos {
    Qos::AtLeastOnce
}

impl Arguments for Publish {
    const NAMES: &'static [&'static str] = &["topic", "payload", "qos", "retain", "encoding"];
}

impl Publish {
    /// The message.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(crate) fn message(self) -> Result<Message, Error> {
        if !topic::is_topic(&self.topic) {
            let shown: String = self.topic.chars().take(80).collect();
            let allowed = "1 to 65,535 bytes without the wildcards + and #";
            return Err(Error::format(
                "invalid_argument",
                format_args!("topic is {shown:?}; allowed are {allowed}"),
            ));
        }
        let usual = if self.payload.is_string() {
            Encoding::Text
        } else {
            Encoding::Json
        };
        let payload = self
            .encoding
            .unwrap_or(usual)
            .to_bytes(self.payload.to_string().as_bytes());
        let payload = payload.map_err(|why| {
            Error::format(
                "invalid_argument",
                format_args!("payload does not fit its encoding: {why}"),
            )
        })?;
        Ok(Message {
            topic: self.topic,
            payload,
            qos: self.qos,
            retain: self.retain,
        })
    }
}

/// How a bridge is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// Its broker; `None` where none is set.
    pub broker: Option<String>,
    /// Whether the broker is there.
    pub connected: bool,
    /// How many rules there are.
    pub rules: u64,
    /// What the connection counted since the plugin was started.
    pub connection: Counters,
    /// What was bridged since the plugin was loaded.
    pub bridged: Bridged,
}
