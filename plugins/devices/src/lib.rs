//! Devices: what is wanted of them, what they report, and whether they are there.
//!
//! An integration, which is a plugin that speaks with real devices, publishes what it finds and what devices report, by
//! ids of its own, and obeys commands. All others know devices by the ids that they have here. Between the two is a
//! mapping.
//!
//! ```text
//! somebody -- devices.set_state --> devices -- internal.device_command_requested --> integration
//! somebody <- device.state_changed - devices <- external.device_state_reported ----- integration
//! ```
//!
//! ```
//! use devices::Devices;
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<Devices>(());
//! rt.start()?;
//!
//! // An integration finds a lamp, and somebody takes it in.
//! let found = json!({"external_id": "zigbee-1", "provider": "zigbee", "name": "Lamp", "type": "light"});
//! rt.publish("external.device_discovered", &found)?;
//! assert_eq!(rt.call("devices.auto_map_external", &())?["created"], 1);
//!
//! // Somebody turns it on; the integration gets the command.
//! let queued = rt.call("devices.turn_on", "device-zigbee-1")?;
//! assert_eq!(queued["state"], json!({"desired": {"on": true}, "reported": {}, "pending": true}));
//! assert_eq!(rt.published()[0].topic, "internal.device_command_requested");
//! assert_eq!(rt.published()[0].payload["external_id"], "zigbee-1");
//!
//! // The lamp does it, and its integration says so.
//! let report = json!({"external_id": "zigbee-1", "state": {"on": true}});
//! rt.publish("external.device_state_reported", &report)?;
//! let lamp = rt.call("devices.get", "device-zigbee-1")?;
//! assert_eq!(lamp["state"], json!({"desired": {"on": true}, "reported": {"on": true}, "pending": false}));
//! assert_eq!(rt.published()[2].topic, "device.state_changed");
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # Services
//!
//! Arguments are by name, an object; or by place in the order in which they stand here, as the original's plugins pass
//! them: see [`plugin_kit::Args`]. `devices.turn_on` takes `"lamp_kitchen"` as well as `{"id": "lamp_kitchen"}`. In `kwargs`,
//! as in the original, `device_id` is the same as `id`, and `device_type` as `type`.
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `devices.create` | `id`, `name`, `type`, `owner_id`, `shared_with`; by name `home_id`, `home_name`, `room_id`, `room_name` | the [`Device`]. One that is there gets what is said, and keeps the rest |
//! | `devices.get` | `id` | the [`Device`] |
//! | `devices.list` | `limit`, `after`, `user`, by name | [`Listed`] devices, by id: with `user` those that are its own, shared with it, or nobody's |
//! | `devices.update` | `id`; by name what `create` takes. `null` takes a value away | the [`Device`] |
//! | `devices.delete` | `id` | [`Deleted`]; its mappings are gone as well |
//! | `devices.set_state` | `id`, `state`: the fields that are to be other | [`Queued`] |
//! | `devices.turn_on`, `devices.turn_off` | `id` | [`Queued`]: the field `on` |
//! | `devices.report` | `id`, `state`, `online`; by name `external_id` in place of `id` | [`Received`] |
//! | `devices.list_external` | `provider`; by name `limit`, `after` | [`Listed`] [`External`]s |
//! | `devices.create_mapping` | `external_id`, `internal_id` | [`Mapped`]. One that is there is changed |
//! | `devices.list_mappings` | `limit`, `after`, by name | [`Listed`] [`Mapping`]s |
//! | `devices.delete_mapping` | `external_id` | [`Unmapped`] |
//! | `devices.auto_map_external` | `provider` | [`AutoMapped`]: of everything found that is not mapped a device `device-<external id>` is made |
//!
//! A list is an array of all, as the original answers, where neither `limit` (1 to 1,000) nor `after` is said; else it is
//! a [`Page`], which has as many items as fit into a reply, and whose `next` is the `after` of the next one:
//!
//! ```
//! # use plugin_kit::test::TestRuntime;
//! # use serde_json::json;
//! # let mut rt = TestRuntime::new();
//! # rt.add::<devices::Devices>(());
//! # rt.start()?;
//! for id in ["door", "lamp", "window"] {
//!     rt.call("devices.create", id)?;
//! }
//! let page = rt.call("devices.list", &json!({"limit": 2}))?;
//! assert_eq!(page["items"][1]["id"], "lamp");
//! let page = rt.call("devices.list", &json!({"limit": 2, "after": page["next"]}))?;
//! assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("window"), &json!(null)));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # Events
//!
//! | event | payload | |
//! |---|---|---|
//! | `external.device_discovered` | `{"external_id": .., ..}` | taken: kept for `list_external` and `auto_map_external`, which look at `provider`, `name` or `title`, `type`, `home_id`, `home_name`, `room_id`, `room_name`, `state` |
//! | `external.device_state_reported` | `{"external_id", "state", "online"?}` | taken; nothing comes of one that is not mapped |
//! | `internal.device_command_requested` | `{"internal_id", "external_id", "command", "params"}` | published: an integration obeys what has an `external_id` of its own, and reports. The command is `set_state`, `turn_on` or `turn_off`, `params` the fields |
//! | `device.state_changed` | `{"device_id", "old", "new"}` | published: what was reported before, and is now, where it is other |
//! | `device.online`, `device.offline` | `{"device_id"}` | published, once each time |
//!
//! # State
//!
//! The runtime's state has at `device.<id>` the fields that the device reported last, so that a rule can compare them, and
//! watch one device among many by `state.changed.device.<id>`. It is set before `device.state_changed` is published. A
//! plugin gets half of the room that is there at the most, on a host for some 8,000 devices; those without room are not
//! there, which the log says once. The setting `keep_state` leaves it out.
//!
//! ```
//! # use plugin_kit::test::TestRuntime;
//! # use serde_json::json;
//! # let mut rt = TestRuntime::new();
//! # rt.add::<devices::Devices>(());
//! # rt.start()?;
//! rt.call("devices.create", "door")?;
//! rt.call("devices.report", &json!({"id": "door", "state": {"open": true}}))?;
//! assert_eq!(rt.state("device.door"), Some(json!({"open": true})));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # What happens when
//!
//! - **A command** is stored as desired and pending, and then published. `pending` goes when the device has reported what
//!   was asked for; what nobody asked for does not matter. After a restart that is every field of `desired` that is not
//!   reported so.
//! - **A report** touches one row, which is written where something changes: a field, `pending`, or `online`. A device that
//!   reports the same again costs no write; its `last_seen` is remembered, and written with the next change, or when it
//!   goes off line. So a flash card sees as many writes as there are changes, and after a crash `last_seen` may be that of
//!   the last change.
//! - **A device is off line** when it was not heard of for 5 minutes (a setting; found within 10 seconds), or when its
//!   integration says so by `"online": false`. After a restart a device that was on line has all that time again.
//! - **Reports that come too fast** make their publisher wait; none is lost.
//! - **A row that does not fit** is left as it is: services answer with `invalid_row`, namespace and key; a page counts and
//!   names it. Fields that are not known are kept.
//!
//! # Storage
//!
//! Each device with its mapping costs some 560 bytes of memory; looking one up, by either id, takes as many steps as the
//! logarithm of their number, and a report, a command, or one more device as many requests to the storage whatever their
//! number is: one to read a row and one to write it. 10,000 devices are read within 0.1 s at the beginning, and 40,000
//! reports of a change are handled in a second (two virtual processors, rows in memory); with SQLite it is as many as the
//! disk makes durable one after another. Rows that somebody else writes are seen by services at once, and mappings among
//! them when the plugin is loaded. The rows are those of the Python original, which are read as they are:
//!
//! | namespace | key | value |
//! |---|---|---|
//! | `devices` | id | a [`Device`]; in old rows `state` is flat, with `power` for `on` |
//! | `devices_mappings` | external id | `{"internal_id": ..}`; in old rows the id alone |
//! | `devices_external` | external id | the payload of `external.device_discovered` |
//!
//! # Limits, errors, settings, permissions
//!
//! - **Limits**: [`MAX_ID`], [`MAX_NAME`] and those beside them. An id and a type are one token of a topic each; a state has
//!   at most [`MAX_FIELDS`] fields and [`MAX_STATE`] bytes, nested [`MAX_DEPTH`] deep.
//! - **Errors**: `invalid_argument` with the argument, what is wrong with it and what is allowed; `not_found`; `too_large`
//!   for a list; `invalid_row`; and those of the storage. Then nothing is changed.
//! - **Settings**: [`Settings`], in `[plugins.devices.settings]`, or where there is no configuration by `with_settings`.
//! - **Permissions**: an integration that runs in a process of its own publishes `external.>` and subscribes to
//!   `internal.device_command_requested`.
//! - **Dependencies**: none. A runtime without a time of day gets `null` for all times.
//! - **Features**: without any it runs on a chip that has an allocator. `host`: the sizes of a host, and JSON Schemas.

#![no_std]

#[macro_use]
extern crate alloc;

mod args;
mod commands;
mod device;
mod house;
mod index;
mod limits;
mod list;
mod load;
mod manage;
mod mappings;
mod mirror;
mod plugin;
mod replies;
mod reports;
mod rows;
mod settings;
mod state;

pub use args::{
    Create, CreateMapping, DeviceId, ExternalId, List, ListDevices, ListExternal, Provider, Report, SetState,
    Update,
};
pub use device::{Device, External, Mapping};
pub use limits::*;
pub use plugin::Devices;
pub use replies::{AutoMapped, Deleted, Listed, Mapped, Page, Queued, Received, Unmapped};
pub use settings::Settings;
pub use state::{Fields, State};
