//! The five parts, put together, and what an operator sees of them.

use super::bus::EventBus;
use super::context::Context;
use super::manager::PluginManager;
use super::services::ServiceRegistry;
use super::state::StateEngine;
use super::storage::StorageApi;
use crate::bus::wide;
use crate::id::{PluginId, PluginSet};
#[cfg(feature = "large")]
use crate::json::Json;
use crate::kernel::Kernel;
use crate::life::PluginState;
use crate::mem::Usage;
use crate::storage::STORAGE;
#[cfg(feature = "large")]
use crate::subject::Name;
use crate::time::Instant;
use crate::{json_literal, name};

/// The runtime as its embedder and operator see it.
#[derive(Clone, Copy)]
pub struct CoreRuntime {
    kernel: Kernel,
}

/// The state key that says how the runtime is: `"starting"`, `"running"`, `"stopping"` or `"stopped"`.
pub const STATUS: &str = "runtime.status";

/// The state key that says what is wrong with the storage, a text; nothing is there while all is well.
pub const STORAGE_FAULT: &str = "runtime.storage.fault";

/// How the runtime is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Its plugins are being started.
    Starting,
    /// They were started, as far as that went.
    Running,
    /// They are being stopped.
    Stopping,
    /// They were stopped.
    Stopped,
}

/// How the runtime is, in one look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// Plugins that are installed.
    pub plugins: u32,
    /// Those that are started.
    pub started: u32,
    /// Those that failed.
    pub failed: PluginSet,
    /// True when a storage is served.
    pub storage: bool,
    /// The sequence number that the next event gets.
    pub next_seq: u64,
}

/// The use and the high-water mark of every capacity, and what was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Metrics {
    /// Plugins installed.
    pub plugins: Usage,
    /// Subscriptions.
    pub filters: Usage,
    /// Services.
    pub services: Usage,
    /// Calls and storage requests in flight.
    pub calls: Usage,
    /// State entries.
    pub state_entries: Usage,
    /// Bytes of state values, in whole blocks.
    pub state_bytes: Usage,
    /// Bytes of the bus log; it is full when it holds all the past it can.
    pub log_bytes: Usage,
    /// Names made at run time.
    pub names: Usage,
    /// Tasks that wait.
    pub waits: Usage,
    /// Readers of the log.
    pub taps: Usage,
    /// Events refused.
    pub refused: u32,
    /// Of these, events that too many others had caused.
    pub cycles: u32,
    /// Operations refused because a plugin held its share.
    pub shares: u32,
    /// Events lost by subscribers that were too slow, all together.
    pub dropped: u32,
    /// Calls that ended by their deadline.
    pub timed_out: u32,
    /// The sequence number that the next event gets.
    pub next_seq: u64,
}

impl CoreRuntime {
    /// The runtime on this kernel.
    pub const fn new(kernel: Kernel) -> Self {
        CoreRuntime { kernel }
    }

    /// The kernel's handle.
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The operator's way to everything: what plugins have as well, on behalf of nobody.
    pub fn context(&self) -> Context {
        Context::new(self.kernel.waist(), PluginId::OPERATOR)
    }

    /// The event bus, on behalf of the operator.
    pub fn bus(&self) -> EventBus {
        self.context().bus()
    }

    /// The service registry, on behalf of the operator.
    pub fn services(&self) -> ServiceRegistry {
        self.context().services()
    }

    /// The coordination state, on behalf of the operator.
    pub fn state(&self) -> StateEngine {
        self.context().state()
    }

    /// The storage, on behalf of the operator.
    pub fn storage(&self) -> StorageApi {
        StorageApi(self.context())
    }

    /// The plugins.
    pub const fn plugins(&self) -> PluginManager {
        PluginManager::new(self.kernel)
    }

    /// The platform's time.
    pub fn now(&self) -> Instant {
        self.kernel.now()
    }

    /// Sets the deadline of calls that name none; 30 s unless set.
    pub fn set_call_timeout(&self, timeout: core::time::Duration) {
        self.kernel
            .with(|core| core.calls.timeout = crate::time::Span::of(timeout));
    }

    /// Sets how many events may cause one another, at most 63; 63 unless set.
    pub fn set_most_hops(&self, hops: u8) {
        self.kernel.with(|core| core.bus.most_hops = hops.min(63));
    }

    /// Sets the part of what is free, in 256ths, that one plugin may hold of a capacity; 128 unless set, 256 for
    /// all.
    #[cfg(feature = "large")]
    pub fn set_share(&self, share: u32) {
        self.kernel.with(|core| core.share = share.clamp(1, 256));
    }

    /// Sets for all plugins that are installed the time within which a handler should be done, in place of each
    /// plugin's own.
    #[cfg(feature = "large")]
    pub fn set_handler_budget(&self, budget: core::time::Duration) {
        let micros = u64::try_from(budget.as_micros()).unwrap_or(u64::MAX);
        self.kernel.with(|core| {
            for index in 0..crate::id::MAX_PLUGINS {
                if let Some(slot) = core.lives.at_mut(index) {
                    slot.more.budget = Some(micros);
                }
            }
        });
    }

    /// Says how the runtime is, in the state key [`STATUS`]: for whoever starts and stops all plugins.
    pub fn set_status(&self, status: Status) {
        let status = match status {
            Status::Starting => json_literal!("\"starting\""),
            Status::Running => json_literal!("\"running\""),
            Status::Stopping => json_literal!("\"stopping\""),
            Status::Stopped => json_literal!("\"stopped\""),
        };
        self.kernel.with(|core| {
            // Without room in the state nobody reads it there.
            let _ = core.set_state(PluginId::KERNEL, &[(name!(STATUS), status)], None, None);
        });
    }

    /// Says something about the runtime in a state key below `runtime.`, where no plugin can; `None` takes it back.
    #[cfg(feature = "large")]
    pub fn set_note(&self, key: Name<'_>, note: Option<Json<'_>>) {
        // Without room in the state nobody reads it there.
        self.kernel.with(|core| match note {
            Some(note) => drop(core.set_state(PluginId::KERNEL, &[(key, note)], None, None)),
            None => drop(core.delete_state(PluginId::KERNEL, key.as_str(), None)),
        });
    }

    /// How the runtime is.
    pub fn health(&self) -> Health {
        let health = self.kernel.with(|core| {
            let mut health = Health {
                plugins: core.lives.usage().used,
                next_seq: wide(core.bus.next_seq()),
                ..Health::default()
            };
            for (index, slot) in core.lives.iter() {
                match slot.state() {
                    PluginState::Started => health.started = health.started.wrapping_add(1),
                    PluginState::Failed => health.failed.insert(index),
                    _ => {}
                }
            }
            let storage = core.calls.services.find(STORAGE, &core.names);
            let owner = storage
                .and_then(|index| core.calls.services.at(index))
                .map(|service| service.owner);
            health.storage = owner.is_some_and(|owner| core.bus.is_open(owner.index()));
            health
        });
        health.unwrap_or_default()
    }

    /// What is used of each capacity, and what was refused.
    pub fn metrics(&self) -> Metrics {
        let metrics = self.kernel.with(|core| {
            let (state_entries, state_bytes) = core.state.usage();
            let plugins = core.lives.iter().map(|(index, _)| core.bus.counts(index).dropped);
            Metrics {
                plugins: core.lives.usage(),
                filters: core.bus.filters().usage(),
                services: core.calls.services.usage(),
                calls: core.calls.usage(),
                state_entries,
                state_bytes,
                log_bytes: core.bus.log_usage(),
                names: core.names.usage(),
                waits: core.waits.usage(),
                taps: core.bus.taps_usage(),
                refused: core.bus.refused,
                cycles: core.hops_refused,
                shares: core.shares_refused,
                dropped: plugins.fold(0, u32::wrapping_add),
                timed_out: core.calls.timed_out,
                next_seq: wide(core.bus.next_seq()),
            }
        });
        metrics.unwrap_or_default()
    }
}
