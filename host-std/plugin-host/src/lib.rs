//! Plugins that are installed into a running Core Runtime.

mod error;
mod gate;
pub mod launcher;
mod lists;
mod log;
pub mod manifest;
pub mod package;
pub mod permissions;
mod process;
pub mod schema;
mod services;
mod session;
mod store;
