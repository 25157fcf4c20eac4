//! A simulated house: lamps, dimmers, motion, door and temperature sensors, a thermostat, and people who come and go by
//! a plan for each day.
//!
//! It acts as an integration would: it has ids of its own, publishes what devices it has and what they report, and obeys
//! commands after a delay. Devices drop off now and then, and return. What happens by chance is the same for the same
//! seed, settings and time. It goes by the runtime's clock and its time of day ([`plugin_kit::unix_time`], UTC), so that a
//! faster clock makes a faster house.
//!
//! ```
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//! use sim::Sim;
//! use std::time::Duration;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<Sim>(json!({"seed": 7, "drop_offs": 0}));
//! rt.start()?;
//! rt.advance(Duration::from_secs(1))?;
//! let events = rt.take_published();
//! assert_eq!(events[0].topic, "external.device_discovered");
//! assert_eq!(events[0].payload["external_id"], "sim-lamp_kitchen");
//!
//! let command = json!({"external_id": "sim-lamp_kitchen", "command": "turn_on", "params": {"on": true}});
//! rt.publish("internal.device_command_requested", &command)?;
//! rt.advance(Duration::from_secs(4))?;
//! let report = json!({"external_id": "sim-lamp_kitchen", "state": {"on": true}});
//! assert!(rt.published().iter().any(|event| event.payload == report));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! | event | payload | |
//! |---|---|---|
//! | `external.device_discovered` | `{"external_id", "provider": "sim", "name", "type", "room_id", "room_name", "state"}` | published at the start, and again every hour |
//! | `external.device_state_reported` | `{"external_id", "state"}` | published on a change, after a command, and every two minutes (a setting) |
//! | `internal.device_command_requested` | `{"external_id", "params", ..}` | obeyed, at the next step after a delay, where the id is one of its own. A device that has dropped off obeys once it is back |
//!
//! | devices | `type` | `state` | obeys |
//! |---|---|---|---|
//! | lamps | `light` | `{"on"}`; people switch it by hand as well | `on` |
//! | dimmers | `light` | `{"on", "brightness"}`: 0 to 100 | `on`, `brightness` |
//! | motion sensors | `motion_sensor` | `{"motion"}` | |
//! | door sensors | `door_sensor` | `{"open"}`; the first one when somebody comes or goes | |
//! | temperature sensors | `temperature_sensor` | `{"temperature"}`: degrees Celsius | |
//! | thermostats | `thermostat` | `{"temperature", "target", "heating"}` | `target`: 5 to 30 |
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `sim.status` | nothing | [`Status`] |
//! | `sim.drop_off` | [`DropOff`]: `{"external_id", "seconds"}` | `null` |
//!
//! - **It calls** `presence.set {"person", "present"}` when somebody comes or goes, and, with the setting `populate`,
//!   `devices.list_mappings`, and for each of its devices that is not mapped `devices.create`, with an id such as
//!   `lamp_kitchen`, and `devices.create_mapping`; then `automation.list` and `automation.create` for some rules. Where nobody has these
//!   services it tries again every ten seconds.
//! - **Settings**: [`Settings`], in `[plugins.sim.settings]`, or where there is no configuration by `with_settings`.
//! - **Storage**: none. After a restart the house begins anew.
//! - **Errors**: `invalid_argument`, `not_found`.
//! - **Permissions**: to publish `external.>`, subscribe to `internal.device_command_requested`, and call `devices.*`,
//!   `automation.*` and `presence.set`.
//! - **Dependencies**: none.
//! - **Features**: without any it runs on a chip that has an allocator. `host`: the sizes of a host, and JSON Schemas.

#![no_std]

#[macro_use]
extern crate alloc;

mod climate;
mod outward;
mod people;
mod plugin;
mod rng;
mod rules;
mod settings;
mod thing;
mod time;
mod world;

pub use plugin::{DropOff, Sim, Status};
pub use settings::Settings;
