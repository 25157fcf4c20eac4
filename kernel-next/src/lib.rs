//! The kernel of Core Runtime: a coordinator for plugin-first systems, from a microcontroller to a
//! server. `no_std`, no allocation, no unsafe code, no executor of its own.

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

pub use api::*;
pub use bus::Overflow;
pub use call::{Answer, LATENCY_BUCKETS, Phase, Service, ServiceCounters};
pub use capacity::Capacities;
pub use error::{Error, MAX_CODE, MAX_MESSAGE};
pub use fault::{Capacity, Fault, NameFault};
pub use id::{CallId, Cause, MAX_PLUGINS, PluginId, PluginSet};
pub use json::Json;
pub use kernel::{
    Cell, Core, EntryInfo, FixedKernel, Kernel, Memory, Op, Parts, Step, Ticket, Version, Waist,
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
