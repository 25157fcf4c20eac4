//! Plugins that are installed into a running Core Runtime, from packages on disk: as processes that speak the plugin
//! protocol (docs/plugin-protocol.md), as WebAssembly modules, as servers over HTTP, or as nodes over the link.
//!
//! ```text
//!   serve.rs      the thread ── commands.rs: the services `plugins.*`
//!     │
//!   keeper.rs     all plugins ── changes.rs: install, upgrade, remove ── rows.rs ── unrestricted.rs
//!     ├── store.rs      their folder ── package: folders and archives ── manifest
//!     ├── guardian.rs, orphans.rs   what plugins leave behind
//!     └── lives.rs      one life after another
//!           ├── process.rs ── launcher.rs ── sandbox.rs   a process, restricted
//!           ├── session                     its lines, and the kernel's mailbox
//!           │     └── gate.rs ── permissions.rs, services.rs, log.rs
//!           ├── http                        a server that somebody else runs
//!           ├── link                        a board, or another runtime
//!           └── wasm                        a module in a sandbox
//!                 └── guard.rs ── gate.rs   the waist, with permissions
//!                       └── checked.rs      arguments of calls, by the schemas in services.rs
//! ```

mod changes;
mod checked;
mod commands;
mod error;
mod gate;
mod guard;
mod guardian;
mod http;
mod keeper;
pub mod launcher;
mod lines;
mod link;
mod lists;
mod lives;
mod lock;
mod log;
mod log_file;
pub mod manifest;
mod orphans;
pub mod package;
pub mod permissions;
mod process;
mod rows;
mod rpc_error;
mod sandbox;
pub mod schema;
mod sdk;
mod serve;
mod services;
mod session;
mod store;
mod text;
mod unrestricted;
mod wasm;

pub use checked::Checked;
pub use error::InstallError;
pub use keeper::Options;
pub use orphans::is_of_a_plugin;
pub use serve::serve;
pub use services::{About, Services};
pub use store::{fault, installed};
