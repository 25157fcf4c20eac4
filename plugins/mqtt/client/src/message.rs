//! What is sent and received.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How surely a message arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Qos {
    /// 0: once or never. Nobody acknowledges it.
    #[default]
    AtMostOnce,
    /// 1: once or more often. It is sent until it is acknowledged.
    AtLeastOnce,
    /// 2: once, as long as the broker keeps the session.
    ExactlyOnce,
}

impl Qos {
    /// The number: 0, 1 or 2.
    pub fn level(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Qos {
    type Error = String;

    fn try_from(level: u8) -> Result<Self, String> {
        match level {
            0 => Ok(Qos::AtMostOnce),
            1 => Ok(Qos::AtLeastOnce),
            2 => Ok(Qos::ExactlyOnce),
            other => Err(format!("qos is {other}; allowed is 0, 1 or 2")),
        }
    }
}

impl From<Qos> for u8 {
    fn from(qos: Qos) -> u8 {
        qos.level()
    }
}

/// A message of a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic, without wildcards, 65,535 bytes at most.
    pub topic: String,
    /// The payload, any bytes.
    pub payload: Vec<u8>,
    /// How surely it arrives.
    pub qos: Qos,
    /// Sent: the broker keeps it and sends it to whoever subscribes later. Received: it is such a kept one.
    pub retain: bool,
}

impl Message {
    /// One of QoS 0 that is not retained.
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Message {
            topic: topic.into(),
            payload: payload.into(),
            qos: Qos::AtMostOnce,
            retain: false,
        }
    }

    /// The same with this QoS.
    pub fn with_qos(self, qos: Qos) -> Self {
        Message { qos, ..self }
    }

    /// The same, retained.
    pub fn retained(self) -> Self {
        Message { retain: true, ..self }
    }
}

/// The payload is shown by its length: it may be anything.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish()
    }
}
