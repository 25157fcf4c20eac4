//! The terminal inspector: see into a running runtime, on a host or a chip, over the link.

pub mod app;
pub mod args;
pub mod chain;
pub mod chart;
pub mod cli;
pub mod facts;
pub mod filter;
pub mod graph;
pub mod headless;
pub mod io;
pub mod keys;
pub mod model;
pub mod past;
pub mod ring;
pub mod search;
pub mod series;
pub mod snapshot;
pub mod terminal;
pub mod theme;
pub mod topics;
pub mod trace;
pub mod ui;
pub mod update;
pub mod view;
pub mod warnings;

#[cfg(test)]
mod testing;
