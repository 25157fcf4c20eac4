//! The terminal inspector: see into a running runtime, on a host or a chip, over the link.

pub mod args;
pub mod chain;
pub mod facts;
pub mod keys;
pub mod target;
pub mod theme;
pub mod ui;
pub mod update;
pub mod view;
pub mod filter;
pub mod model;
pub mod ring;
pub mod search;
pub mod series;
pub mod target;
pub mod topics;
pub mod warnings;
