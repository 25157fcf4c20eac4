//! The std host of Core Runtime.

pub mod config;
pub mod sqlite;
