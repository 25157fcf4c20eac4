//! The five parts, put together: start, shut down, and look inside.

use core::time::Duration;

use crate::bus::EventBus;
use crate::id::PluginId;
use crate::kernel::Kernel;
use crate::log::PluginSet;
use crate::plugin::{PluginManager, PluginState};
use crate::registry::ServiceRegistry;
use crate::state::StateEngine;
use crate::storage::StorageApi;
use crate::table::Usage;
use crate::time::micros;
use crate::timer::On;

/// The state key that says how the runtime is: `"starting"`, `"running"`, `"stopping"` or
/// `"stopped"`.
pub const STATUS: &str = "runtime.status";

/// The runtime as its embedder and operator see it.
#[derive(Clone, Copy)]
pub struct CoreRuntime {
    kernel: Kernel,
}

/// How a shutdown went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// The plugins that did not stop in time, or failed on the way, by slot.
    pub late: PluginSet,
    /// True when the storage answered everything and closed in time.
    pub storage_closed: bool,
}

/// How the runtime is, in one look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct Health {
    /// Plugins that are installed.
    pub plugins: usize,
    /// Those that are started.
    pub started: usize,
    /// Those that failed.
    pub failed: PluginSet,
    /// True when a storage is served.
    pub storage: bool,
    /// True once [`CoreRuntime::start`] is done and until the shutdown begins.
    pub running: bool,
}

impl Health {
    /// True when the runtime runs, has storage, and no plugin has failed.
    pub fn is_ok(&self) -> bool {
        self.running && self.storage && self.failed.is_empty()
    }
}

/// The use and the high-water mark of every capacity, and what was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct Metrics {
    /// Microseconds since the clock's zero.
    pub now: u64,
    /// Microseconds since [`CoreRuntime::start`].
    pub uptime: u64,
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
    pub waits: usize,
    /// Readers of the log.
    pub taps: usize,
    /// Events published.
    pub published: usize,
    /// Events refused.
    pub refused: usize,
    /// Events lost by subscribers that were too slow, all together.
    pub dropped: usize,
    /// Calls that ended by their deadline.
    pub timed_out: usize,
    /// Storage requests that failed.
    pub storage_errors: usize,
    /// The sequence number the next event gets.
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

    /// The event bus, on behalf of the operator.
    pub const fn bus(&self) -> EventBus {
        EventBus {
            kernel: self.kernel,
            who: PluginId::OPERATOR,
        }
    }

    /// The service registry, on behalf of the operator.
    pub const fn services(&self) -> ServiceRegistry {
        ServiceRegistry {
            kernel: self.kernel,
            who: PluginId::OPERATOR,
        }
    }

    /// The coordination state, on behalf of the operator.
    pub const fn state(&self) -> StateEngine {
        StateEngine {
            kernel: self.kernel,
            who: PluginId::OPERATOR,
        }
    }

    /// The storage, on behalf of the operator.
    pub const fn storage(&self) -> StorageApi {
        StorageApi {
            kernel: self.kernel,
            who: PluginId::OPERATOR,
        }
    }

    /// The plugins.
    pub const fn plugins(&self) -> PluginManager {
        PluginManager { kernel: self.kernel }
    }

    /// Sets the deadline of calls that name none; 30 s unless set.
    pub fn set_call_timeout(&self, timeout: Duration) {
        self.kernel.with(|core| core.calls.timeout = micros(timeout));
    }

    /// Sets for all plugins the time within which a handler should be done, in place of each
    /// plugin's own.
    pub fn set_handler_budget(&self, budget: Duration) {
        self.kernel
            .with(|core| core.plugins.set_handler_budget(micros(budget)));
    }

    /// Starts all installed plugins, providers first, and gives those that did not start; the
    /// others run. The platform's tasks (the plugins', the storage's, the timekeeper's) must run, in
    /// any order: while plugins start, what they ask of a storage that is not served yet waits a second.
    ///
    /// # Cancellation
    /// Plugins that were started stay so; call it again, or shut down.
    pub async fn start(&self) -> PluginSet {
        self.kernel.with(|core| {
            core.started_at = core.now();
            core.shutting_down = false;
            core.starting = true;
            core.set_status(b"\"starting\"");
        });
        let failed = self.plugins().start_all().await;
        self.kernel.with(|core| {
            core.starting = false;
            core.running = true;
            core.set_status(b"\"running\"");
        });
        failed
    }

    /// Stops and unloads all plugins, dependents first, then closes the storage, all within
    /// `limit`. Plugins that do not stop in time are named in the result and no longer heard.
    ///
    /// # Cancellation
    /// What is left keeps running; call it again.
    pub async fn shutdown(&self, limit: Duration) -> Shutdown {
        let due = self.kernel.deadline(limit);
        self.kernel.with(|core| {
            core.starting = false;
            core.running = false;
            core.shutting_down = true;
            core.set_status(b"\"stopping\"");
        });
        let late = self.plugins().stop_all(due).await;
        self.kernel.with(|core| {
            core.set_status(b"\"stopped\"");
            core.request_storage_close();
        });
        let closed = self
            .kernel
            .wait_reserved(On::Lifecycle, due, |core| (!core.storage_open).then_some(()))
            .await;
        Shutdown {
            late,
            storage_closed: closed.is_ok(),
        }
    }

    /// How the runtime is.
    pub fn health(&self) -> Health {
        self.kernel
            .with(|core| {
                let mut health = Health {
                    plugins: core.plugins.usage().used,
                    started: 0,
                    failed: PluginSet::default(),
                    storage: core.storage_open,
                    running: core.running,
                };
                for index in core.plugins.indices() {
                    match core.plugins.at(index).map(|slot| slot.state) {
                        Some(PluginState::Started) => health.started = health.started.wrapping_add(1),
                        Some(PluginState::Failed) => health.failed.insert(index),
                        _ => {}
                    }
                }
                Some(health)
            })
            .unwrap_or(Health {
                plugins: 0,
                started: 0,
                failed: PluginSet::default(),
                storage: false,
                running: false,
            })
    }

    /// What is used of each capacity, and what was refused.
    pub fn metrics(&self) -> Metrics {
        self.kernel
            .with(|core| {
                let (log_bytes, filters) = core.bus.usage();
                let now = core.now();
                let dropped = core.plugins.indices().filter_map(|index| core.plugins.at(index));
                Some(Metrics {
                    now,
                    uptime: now.saturating_sub(core.started_at),
                    plugins: core.plugins.usage(),
                    filters,
                    services: core.services.usage(),
                    calls: core.calls.usage(),
                    state_entries: core.state.table.usage(),
                    state_bytes: core.state.pool.usage(),
                    log_bytes,
                    names: core.names.usage(),
                    waits: core.timers.usage().0,
                    taps: core.bus.taps.iter().filter(|tap| tap.taken()).count(),
                    // The first event is number 1.
                    published: core.bus.log.next_seq().wrapping_sub(1) as usize,
                    refused: core.bus.refused,
                    dropped: dropped.fold(0, |sum, slot| sum.wrapping_add(slot.counters.dropped)),
                    timed_out: core.calls.timed_out,
                    storage_errors: core.storage_errors,
                    next_seq: core.bus.log.next_seq(),
                })
            })
            .unwrap_or_default()
    }
}
