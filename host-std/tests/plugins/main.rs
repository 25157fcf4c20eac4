//! Plugins that are installed into a running runtime: their lives, their packages, and those that mean no good.

#[path = "../support/mod.rs"]
mod host;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod program;
mod support;
mod window;

mod commands;
mod crates;
mod described;
mod hostile;
mod http;
mod nodes;
mod originals;
mod packages;
