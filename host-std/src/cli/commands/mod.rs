//! The commands, one file for each family.

pub(crate) mod author;
pub(crate) mod backup;
mod build;
pub(crate) mod bus;
pub(crate) mod call;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod mcp;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod packages;
pub(crate) mod plugin;
pub(crate) mod plugin_settings;
pub(crate) mod service;
pub(crate) mod services;
pub(crate) mod shell;
pub(crate) mod state;
pub(crate) mod storage;
pub(crate) mod watch;
