//! The terminal inspector: see into a running runtime, on a host or a chip, over the link.
//!
//! ```text
//!   app      the loop: messages in, effects out, frames at their time
//!   update   what happens and what comes of it
//!   view     the screens, drawn from the two below
//!   ui       what the screens remember, and which rows they show
//!   model    all that the target said ── filter, search, ring, series, topics, warnings
//!   facts    what passes between the model and the I/O thread ── io, which knows nothing else
//! ```
//!
//! Each knows those below it and none above: a test sees to that. `update` knows where `view` puts things, because a
//! click is on what was drawn there.

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
pub mod pages;
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
