//! Tests that need more than one crate of the workspace; see `tests/`.
//!
//! [`mcu`] builds the firmware of `kernel-core/examples/mcu` and runs it on an emulator, [`runtime`] runs the
//! real host, and [`mod@bench`] measures it beside others; [`inspector`] drives the terminal inspector through a
//! pseudoterminal, and measures it. [`deep`] says how long is tried to break something, [`session`] and [`http`] ask a
//! runtime, and [`wasm`] builds plugins as WebAssembly modules and runs them in a host. [`mqtt`] runs a real
//! MQTT broker, and [`listener`] hears what is published there.

pub mod bench;
mod binary;
pub mod book;
mod client;
pub mod deep;
pub mod fuzz;
pub mod home_assistant;
pub mod http;
pub mod inspector;
pub mod listener;
pub mod mcu;
pub mod mqtt;
pub mod nats;
pub mod runtime;
pub mod scale;
pub mod session;
pub mod wasm;

pub use binary::binary;

/// The Rust code of the book's chapter on plugins is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust-plugin.md")]
pub struct RustPlugin;
