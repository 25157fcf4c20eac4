//! Devices and groups of Zigbee2MQTT.

mod bridge;
mod exposes;
mod link;
mod network;
mod plugin;
mod property;
mod settings;
mod status;
#[cfg(test)]
mod tests;

pub use network::Skipped;
pub use plugin::Zigbee2Mqtt;
pub use status::Status;
