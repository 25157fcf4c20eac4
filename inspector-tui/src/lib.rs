//! The terminal inspector: see into a running runtime, on a host or a chip, over the link.

pub mod app;
pub mod args;
pub mod chain;
pub mod cli;
pub mod facts;
pub mod filter;
pub mod headless;
pub mod io;
pub mod keys;
pub mod model;
pub mod pages;
pub mod ring;
pub mod search;
pub mod series;
pub mod snapshot;
pub mod terminal;
pub mod theme;
pub mod topics;
pub mod ui;
pub mod update;
pub mod view;
pub mod warnings;

#[cfg(test)]
mod testing;
