//! Who is at home.
//!
//! Something that knows (a phone's tracker, a rule, a button at the door) calls `presence.set`; others read the state, or
//! subscribe to the events, which are published on a change only. What is known survives a restart.
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `presence.set` | `{"person": "anna", "present": true}` | the [`Presence`] of this person |
//! | `presence.get` | `{"person": "anna"}` | the [`Presence`] of this person |
//! | `presence.list` | nothing | [`People`] |
//! | `presence.delete` | `{"person": "anna"}` | true; false when there was nobody of this name. Who was present has left |
//!
//! Arguments may be passed by place as well: `"anna"` to `presence.get`, and as
//! [`plugin_kit::Args`] has it.
//!
//! | event | payload | when |
//! |---|---|---|
//! | `presence.entered` | `{"person": "anna"}` | somebody is present who was not, or was not known |
//! | `presence.left` | `{"person": "anna"}` | somebody who was present is not any more |
//!
//! | state | value |
//! |---|---|
//! | `presence.<person>` | true while present; it is there while the person is known |
//! | `presence.anyone` | true while somebody is present |
//!
//! - **A person** is a name of 1 to [`MAX_NAME`] bytes that is one token of a topic: see [`kernel_core::subject`]. The name
//!   `anyone` is taken. At most [`MAX_PEOPLE`] are known, and no more than the kernel's capacity `state_entries` has room for.
//! - **Storage**: the namespace `presence`, a key for each person, the value a [`Presence`]. A row that is none is left as
//!   it is, and shown by `presence.list`.
//! - **Errors**: `invalid_argument` for arguments that do not fit, `not_found` for a person who is not known,
//!   `too_many_people`, and those of the state and the storage; then nothing is changed.
//! - **Permissions, settings, dependencies**: none.
//! - **Features**: without any it runs on a chip that has an allocator. `host`: the sizes of a host, and JSON Schemas.
//!
//! ```
//! use plugin_kit::test::TestRuntime;
//! use presence::PresencePlugin;
//! use serde_json::json;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<PresencePlugin>(());
//! rt.start()?;
//! let anna = rt.call("presence.set", &json!({"person": "anna", "present": true}))?;
//! assert_eq!(anna, json!({"person": "anna", "present": true, "since": 1_767_225_600_000u64}));
//! assert_eq!(rt.published()[0].topic, "presence.entered");
//! assert_eq!(rt.published()[0].payload["person"], "anna");
//! assert_eq!(rt.state("presence.anyone"), Some(json!(true)));
//!
//! let error = rt.call("presence.get", &json!({"person": "Anna"})).unwrap_err();
//! assert_eq!((error.code(), error.message()), ("not_found", "nobody is known by the name Anna"));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```

#![no_std]

extern crate alloc;

mod person;
mod plugin;
mod types;

pub use person::MAX_NAME;
pub use plugin::{MAX_PEOPLE, PresencePlugin};
pub use types::{Changed, People, Person, Presence, SetPresence};
