//! Tests that need more than one crate of the workspace; see `tests/`.
//!
//! [`mcu`] builds the firmware of `kernel-core/examples/mcu` and runs it on an emulator, [`mod@bench`]
//! measures the host beside others, and [`inspector`] the terminal inspector.

pub mod bench;
pub mod inspector;
pub mod mcu;

/// The README's Rust code is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
