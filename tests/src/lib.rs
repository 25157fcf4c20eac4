//! Tests that need more than one crate of the workspace; see `tests/`.

/// The README's Rust code is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
