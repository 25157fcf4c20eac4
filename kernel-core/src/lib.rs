//! The kernel of Core Runtime: a coordinator for plugin-first systems, from a microcontroller to a
//! server. `no_std`, no allocation, no unsafe code, no executor of its own.
//!
//! ```text
//!    plugin            plugin            plugin                operator, inspector
//!  (one task)        (one task)     (another process)        (the other side of a link)
//!      │                 │                │                           │
//! ═════╪═════════════════╪════════════════╪═══════ the waist: some twenty operations over bytes ═══
//! ┌────┴─────────────────┴────────────────┴───────────────────────────┴──────────────┐
//! │ EventBus          ServiceRegistry     StateEngine      Storage    PluginManager  │
//! │ one byte log,     names, owners,      key, value,      a service  lives with     │
//! │ a cursor for      call slots with     version, time    like any   goals and      │
//! │ each plugin       deadlines           to live          other      deadlines      │
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
//! 2. **One narrow waist.** All that a plugin can do is an [`Op`] that passes through [`Waist::run`]; a [`Context`]
//!    is a handle on it. The kernel in memory implements it, and so may whatever runs plugins elsewhere. Life,
//!    shares and counters are checked there and nowhere else. Every operation is a future, so that the same
//!    plugin runs where an answer takes time; on a kernel in memory [`Ask::now`] has it at once.
//! 3. **The bus is a log.** A record is written once, whatever the number of subscribers, and marks who gets it. A
//!    plugin is one cursor with many filters, so that delivery has one total order and a late reader ([`Tap`])
//!    sees the recent past. What a slow subscriber loses is counted exactly; or publishers wait for it, with a
//!    deadline ([`Overflow`]). A record knows how many events are behind it: a plugin, or a ring of them, that
//!    answers its own events is refused and named.
//! 4. **Calls live in slots of the kernel**, with a generation, a deadline and the call that caused them: dropping a
//!    call cancels it, a late reply finds nobody, a cycle is answered at once.
//! 5. **State is small and watched through the bus**: every change is an event.
//! 6. **Storage is a service like any other**, answered by a plugin of its own ([`serve`]) over a
//!    [`storage::Storage`]: so it starts, stops, fails and is counted as every plugin is.
//! 7. **Whatever a plugin registers belongs to one life of it** and is taken back when that life ends. No plugin
//!    holds more than its share of a capacity.
//! 8. **The kernel runs lives; a supervisor has opinions.** A plugin that failed stays FAILED until somebody sets
//!    its goal: restarts, dependencies, starting and stopping all are a task's over [`PluginManager`].
//! 9. **Capacities are chosen in one place** ([`Capacities`]). Full is an answer that names the capacity.
//! 10. **One judge of JSON**, [`json`]; serde-json-core is the typed layer.
//!
//! One [`Fault`] serves all operations in place of an error for each family of them: it is what passes the waist
//! and the wire, two words, and a conversion for each family would be all that the others add.
//!
//! # Three walks
//!
//! What an event passes through, function by function:
//!
//! | publish | receive |
//! |---|---|
//! | `EventBus::publish` makes an [`Ask`] | `Turn::next`, of [`drive`], asks the mailbox for its next step |
//! | `Ask::poll`, `Cell::with` takes the lock | `Ask::poll`, `Cell::with` takes the lock |
//! | `Core::run` checks the life | `Core::run` checks the life |
//! | `Core::publish` finds the cause; `Bus::route` knows a topic published lately, others are checked | `Core::next` ends the hook before |
//! | `Bus::check`: hops, size; `Bus::blocker`: who makes publishers wait | `Bus::next` finds the record |
//! | `Bus::publish`: `Log::append`, `Filters::receivers` without a route, `ReaderSlot::mark` | `Core::next_event` copies it, `Bus::taken` moves the cursor |
//! | `Core::hand_over` takes along whom it marked, and `wake` wakes them without the lock | `Turn::poll` runs `on_event` |
//!
//! What a call passes through:
//!
//! | begin | answer | end |
//! |---|---|---|
//! | `Context::call` makes a [`Calling`] | `Core::next` finds it by `Calls::first` | `Calling::poll` |
//! | `Calling::poll`, `Core::run` | `Core::next_call`, `Calls::take` copies it out | `Core::run` |
//! | `Core::begin_call` finds the service, `Calls::closes_cycle` | `Turn::poll` runs `on_call` | `Calls::poll` copies the reply out |
//! | `Calls::begin` takes a slot, copies the arguments in | `Core::conclude`, `Calls::reply` copies the reply in, wakes the caller | `Calls::free` |
//!
//! What a stored value passes through: `Namespace::set` writes the request's head; then it is a call of the service
//! `storage`, as above; [`serve`] takes it, with others that wait, out of the storage's mailbox, `accept` checks
//! who may store where and judges the JSON, [`storage::Storage::apply`] makes the group durable, and `answer`
//! replies to each.
//!
//! # Features
//!
//! - `large` (default): what a host needs and a chip leaves out. 64-bit time in microseconds and sequence numbers
//!   (else 32 bits of milliseconds, which wrap around after 49 days, and of numbers), 128 plugins (else 32), tables
//!   and filters that are hashed (else looked through), shares, latency histograms, descriptions of services,
//!   settings, and plugins that attach at run time.
//! - `messages` (default): errors own their text, formatted. Without it they are texts of the program.

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

mod api;
mod bus;
mod call;
mod capacity;
mod error;
mod fault;
mod id;
pub mod json;
mod kernel;
mod life;
mod mem;
mod state;
pub mod storage;
pub mod subject;
mod time;
mod wake;

pub use api::*;
pub use bus::Overflow;
pub use call::{Answer, LATENCY_BUCKETS, Phase, Service, ServiceCounters};
pub use capacity::Capacities;
#[cfg(feature = "large")]
pub use error::INVALID_SETTINGS;
pub use error::{Error, MAX_CODE, MAX_MESSAGE};
pub use fault::{Capacity, Fault, NameFault};
pub use id::{CallId, Cause, MAX_PLUGINS, PluginId, PluginSet};
pub use json::Json;
pub use kernel::{
    Before, Cell, Core, EntryInfo, FixedKernel, Kernel, Memory, Op, Parts, Step, Ticket, Waist,
};
pub use life::{PluginCounters, PluginMetadata, PluginState, RestartPolicy};
pub use mem::Usage;
pub use subject::Name;
pub use time::{Clock, Instant, Span};

/// The opaque pieces that a kernel's memory is made of.
pub mod parts {
    pub use crate::bus::{Filter, ReaderSlot, TapSlot};
    pub use crate::call::{CallSlot, CalleeSlot, Registered};
    pub use crate::life::PluginSlot;
    pub use crate::mem::{Empty, Link, Slot};
    pub use crate::state::Entry;
    pub use crate::time::WaitSlot;
    #[doc(hidden)]
    pub use static_cell::{ConstStaticCell, StaticCell};
}
