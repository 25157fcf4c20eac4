//! Home Assistant's MQTT discovery, both ways: the devices of the house appear there, and what speaks discovery, such as
//! ESPHome by MQTT or Tasmota, becomes devices of the house.
//!
//! The plugin has a connection to the MQTT broker of its own, by `mqtt_client`; without the setting `broker` it is idle, with
//! neither a thread nor a socket. `docs/homeassistant.md` has the settings, what becomes of what, and limits.
//!
//! | event | payload | |
//! |---|---|---|
//! | `device.state_changed`, `device.online`, `device.offline` | as `devices` publishes them | published at the broker |
//! | `state.changed.device.*` | as the runtime publishes it | a device that is new, or gone |
//! | `external.device_discovered` | `{"external_id", "provider", "properties", ..}` | taken: what a device that is offered can do; published: what others offer |
//! | `external.device_state_reported` | `{"external_id", "state", "online"}` | published for what others offer |
//! | `external.device_removed` | `{"external_id", "provider"}` | published when nobody offers it any more |
//! | `external.device_command_refused` | `{"external_id", "internal_id", "provider", "params", "reason"}` | published for a command of which nothing is sent |
//! | `internal.device_command_requested` | `{"external_id", "params", ..}` | obeyed, where the id is one of what others offer |
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `homeassistant.status` | nothing | [`Status`] |
//!
//! - **It calls** `devices.list`, `devices.list_mappings` and `devices.list_external` at the start, every 30 s (a setting), and when
//!   a device is new or gone; `devices.set_state` for a command; `devices.auto_map_external`, unless the setting `auto_map`
//!   is false.
//! - **Storage**: none.
//! - **Errors**: `invalid_settings`.
//! - **Permissions**: to publish `external.>`, subscribe to the events above, call `devices.*`, and a connection to the
//!   broker.
//! - **Dependencies**: none.
//!
//! The code has two halves that know nothing of one another: `offered`, with `offer`, `own` and `values`, and `found`, with
//! `components`, `entity` and `template`. Neither knows MQTT; `link` joins them.

mod about;
mod call;
mod classes;
mod codec;
mod components;
mod config;
mod device;
mod effect;
mod entity;
mod found;
mod keys;
mod light;
mod link;
mod lists;
mod names;
mod offer;
mod offered;
mod own;
mod parts;
mod plugin;
mod settings;
mod status;
mod template;
#[cfg(test)]
mod tests;
mod values;

pub use plugin::HomeAssistant;
pub use status::Status;
