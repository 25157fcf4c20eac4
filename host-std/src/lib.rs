//! The std host of Core Runtime: it runs a [`kernel_core`] kernel on a desktop, a server or a small
//! Linux computer, with SQLite as the storage and threads for the plugins.
//!
//! ```text
//!   run.rs ── signals.rs          the program; service_manager.rs: what systemd hears of it
//!     │
//!   host ── plugins.rs            start, shutdown; which plugins there are
//!     ├── memory.rs, clock.rs     the kernel's memory, lock and time
//!     ├── pool.rs ── watchdog.rs  the threads that plugins share
//!     ├── execute.rs ── panics.rs one life after another
//!     ├── storage_thread.rs       ── engine.rs ── sqlite_storage.rs ── sqlite; faults.rs: what is wrong with it
//!     ├── installed.rs            plugins installed at run time ── the crate plugin-host
//!     ├── timekeeper.rs           deadlines and the supervisor; pulse.rs: whether a thread still works
//!     ├── link_server             ── unix_socket.rs, tls.rs; access: who may do what from outside
//!     ├── doctor                  what is wrong with a set-up
//!     ├── calendar.rs             dates
//!     ├── park.rs, sync.rs        one future on one thread
//!     └── log.rs, kernel_log.rs   log lines; log_format.rs: whose they are; escape.rs: text from outside
//! ```
//!
//! A program with plugins of its own embeds a [`Host`]:
//!
//! ```no_run
//! use host_std::{Config, Host};
//! use kernel_core::{Plugin, PluginMetadata};
//!
//! #[derive(Default)]
//! struct Lamp;
//!
//! impl Plugin for Lamp {
//!     const METADATA: PluginMetadata = PluginMetadata::new("lamp", "1.0.0");
//! }
//!
//! let config = Config::from_env()?;
//! let host = Host::builder().plugin::<Lamp>().start(config)?;
//! assert!(host.runtime().health().failed.is_empty());
//! let report = host.shutdown();
//! assert!(report.late.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod calendar;
pub mod cli;
pub mod clock;
pub mod config;
mod doctor;
mod engine;
mod escape;
mod execute;
mod faults;
mod host;
mod host_error;
mod installed;
mod kernel_log;
mod link_server;
pub mod log;
mod log_format;
mod log_lines;
pub mod memory;
mod panics;
mod park;
pub mod plugins;
mod pool;
mod pulse;
mod run;
mod service_manager;
mod signals;
mod socket;
pub mod sqlite;
mod sqlite_storage;
mod storage_thread;
mod sync;
mod timekeeper;
mod tls;
mod unix_socket;
mod watchdog;
mod worker;

// The supervisor's lock.
use critical_section as _;

pub use config::{Config, ConfigError};
pub use engine::StorageEngine;
pub use host::{FailedPlugin, Host, HostBuilder, ShutdownReport};
pub use host_error::HostError;
pub use park::block_on;
pub use run::{EXIT_CONFIG, EXIT_CUT_SHORT, run, run_host};
pub use sqlite_storage::SqliteStorage;
pub use timekeeper::Supervisor;
pub use unix_socket::SocketError;
