//! The kernel of Core Runtime: a coordinator for plugin-first systems, from a microcontroller to a
//! server. `no_std`, no allocation, no unsafe code, no executor of its own.
//!
//! ```text
//!    plugin            plugin            plugin                operator, inspector
//!  (one task)        (one task)     (far side of a link)      (far side of a link)
//!      │ mailbox          │ mailbox          │                         │
//! ┌────┴──────────────────┴──────────────────┴─────────────────────────┴─────────────┐
//! │ EventBus          ServiceRegistry     StateEngine      Storage    PluginManager  │
//! │ one byte log,     names, owners,      key, value,      requests   lifecycle,     │
//! │ a cursor for      call slots with     version, time    to one     supervision,   │
//! │ each plugin       deadlines           to live          actor      counters       │
//! └──────────────── one lock; names, bytes, counters and wakers; no code ────────────┘
//! ```
//!
//! Five principles: **minimum** (what can be a plugin is not in the kernel), **coordination** (no
//! business logic), **plugin-first** (devices, users, access rights are plugins), **no shared
//! memory** (plugins never reach each other), **contracts** (events, calls and storage requests are
//! the only channels).
//!
//! # The design
//!
//! 1. **Data, not closures.** The kernel stores names, bytes, counters and wakers; never a handler
//!    or a future. A [`Plugin`] is an actor: one task that owns its data and reads one [`Mailbox`].
//!    [`drive`] is that loop; whoever has an executor polls it. No plugin code runs under the lock.
//! 2. **The bus is a log.** A record is written once, whatever the number of subscribers, and marks
//!    who gets it: the last one of a topic says who gets the next, until a filter or a plugin comes
//!    or goes. A plugin is one cursor with many filters, so that delivery has one total order
//!    and a late reader ([`bus::Tap`]) sees the recent past. What a slow subscriber loses is counted
//!    exactly and told; or publishers wait for it, with a deadline ([`Overflow`]).
//! 3. **Calls live in slots of the kernel**, with a generation, a deadline and the call that caused
//!    them: dropping a call cancels it, a late reply finds nobody, a circle is answered at once. A
//!    circle is seen along the chain of causes, and, for plugins that handle one message at a time,
//!    also where two of them wait for each other without a common cause.
//! 4. **State is small and watched through the bus**: every change is an event.
//! 5. **Storage is a mailbox as well**, served by one actor over a [`storage::Storage`].
//! 6. **Whatever a plugin registers belongs to one life of it** and is taken back when that life
//!    ends, by unloading, failing, hanging or crashing; its old handles are refused from then on.
//! 7. **Lifecycle by goals.** Managing a plugin sets where it should be; its own task takes the
//!    steps, each with a deadline, and none towards STARTED while a plugin that it depends on is not
//!    started. A plugin that fails is restarted with growing pauses; its dependents wait for it until
//!    it is given up, and come back with it.
//! 8. **Capacities are chosen in one place** ([`Capacities`]) and erased by one handle ([`Kernel`]):
//!    a [`Cell`] runs a closure on the kernel's data, whose slices forget how long they are.
//! 9. **Full is an answer** that names the capacity, and a counter remembers.
//! 10. **Everything is counted where it happens.**
//!
//! Time is the platform's: it gives a [`Clock`] and runs [`Kernel::run_timers`].
//!
//! JSON is read and written by the [`json`] module rather than by `serde-json-core`, which panics
//! on some values and cannot read the escapes that other languages write.
//!
//! # Features
//!
//! - `messages` (default): an error that a plugin passes on with `?` keeps its text, formatted. A
//!   chip that leaves it out keeps the code and saves the formatting machinery.
//! - `flash`: the [`storage`] on any NOR flash with an `embedded-storage-async` driver.
//! - `link`: the [`link`] protocol for inspectors, command lines and remote plugins.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

#[cfg(test)]
#[macro_use]
extern crate std;

pub mod bus;
mod calls;
mod capacity;
mod copy;
mod error;
mod fixed;
mod id;
pub mod json;
mod kernel;
mod lifecycle;
#[cfg(feature = "link")]
pub mod link;
mod log;
mod plugin;
mod pool;
mod registry;
mod runtime;
pub mod state;
pub mod storage;
pub mod subject;
mod table;
mod text;
mod time;
mod timer;

pub use bus::{EventBus, Overflow, PublishError, SubscribeError};
pub use capacity::Capacities;
pub use error::{Error, MAX_CODE, MAX_MESSAGE};
pub use fixed::FixedKernel;
pub use id::{CallId, Cause, PluginId};
pub use json::Json;
pub use kernel::{Cell, Core, Kernel, Memory, Operation, Parts};
pub use log::{MAX_PLUGINS, PluginSet};
pub use plugin::{
    Context, Event, Exit, Installed, Mailbox, ManageError, Message, Plugin, PluginCounters, PluginInfo,
    PluginManager, PluginMetadata, PluginName, PluginState, Replied, Reply, Request, RestartPolicy, drive,
};
pub use registry::{CallError, PendingCall, RegisterError, Service, ServiceInfo, ServiceRegistry};
pub use runtime::{CoreRuntime, Health, Metrics, STATUS, Shutdown};
pub use state::{StateEngine, StateEntry, StateError};
pub use storage::{StorageApi, StorageError};
pub use table::Usage;
pub use text::Name;
pub use time::{Clock, Instant};
pub use timer::WaitError;

/// The opaque pieces that a kernel's memory is made of.
pub mod parts {
    pub use crate::bus::{FilterSlot, RouteSlot, TapSlot};
    pub use crate::calls::CallSlot;
    pub use crate::fixed::{Empty, FixedMemory};
    pub use crate::kernel::Head;
    pub use crate::lifecycle::PluginSlot;
    pub use crate::registry::ServiceSlot;
    pub use crate::state::EntrySlot;
    pub use crate::timer::WaitSlot;
    #[doc(hidden)]
    pub use static_cell::{ConstStaticCell, StaticCell};
}
