//! Devices and groups of a Zigbee network, as [Zigbee2MQTT](https://www.zigbee2mqtt.io) publishes them: its devices become devices of the house, and obey.
//!
//! The plugin has a connection to the MQTT broker of its own, by `mqtt_client`; without the setting `broker` it is idle, with
//! neither a thread nor a socket. `docs/zigbee2mqtt.md` has the settings, what becomes of what, and limits.
//!
//! | event | payload | |
//! |---|---|---|
//! | `external.device_discovered` | `{"external_id", "provider", "name", "type", "manufacturer", "model", "properties", ..}` | published for what is new or other, and every hour. `properties` are in the words of JSON Schema |
//! | `external.device_state_reported` | `{"external_id", "state", "online"}` | published for each message about a state, and every 100 s (a setting) |
//! | `external.device_event` | `{"external_id", "provider", "event", "value"}` | published for what happens, such as the press of a button |
//! | `external.device_removed` | `{"external_id", "provider", "name"}` | published when Zigbee2MQTT does not list it any more |
//! | `external.device_command_refused` | `{"external_id", "internal_id", "provider", "params", "reason"}` | published for a command of which nothing is sent |
//! | `internal.device_command_requested` | `{"external_id", "params", ..}` | obeyed, where the id is one of its own |
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `zigbee2mqtt.status` | nothing | [`Status`] |
//!
//! - **It calls** `devices.auto_map_external`, unless the setting `auto_map` is false; where nobody has that, again every ten
//!   seconds.
//! - **Storage**: none. All of it comes from the broker again.
//! - **Errors**: `invalid_settings`.
//! - **Permissions**: to publish `external.>`, subscribe to `internal.device_command_requested`, call
//!   `devices.auto_map_external`, and a connection to the broker.
//! - **Dependencies**: none.

mod bridge;
mod command;
mod effect;
mod entry;
mod exposes;
mod link;
mod network;
mod payload;
mod plugin;
mod property;
mod settings;
mod status;
#[cfg(test)]
mod tests;

pub use network::Skipped;
pub use plugin::Zigbee2Mqtt;
pub use status::Status;
