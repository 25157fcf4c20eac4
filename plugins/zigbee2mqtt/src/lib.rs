//! Devices and groups of Zigbee2MQTT.

#![allow(dead_code)]
mod bridge;
mod exposes;
mod network;
mod property;
mod status;
#[cfg(test)]
mod tests;

pub use network::Skipped;
pub use status::Status;
