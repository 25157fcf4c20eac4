//! Nodes: a board, or another runtime, at the other end of a link, as a plugin of this one. What it offers, publishes
//! and keeps as state is here; what it was granted of this runtime is there.
//!
//! ```text
//! lives.rs ── node.rs ── life.rs ── line.rs       bytes, and whether somebody is there ── said.rs
//!                           ├── calls.rs          calls of its services
//!                           ├── asked.rs          what it calls here
//!                           ├── offers.rs         whose services are where
//!                           ├── events.rs         both ways
//!                           ├── tells.rs          what it is told
//!                           └── mirror.rs         its state
//! ```

mod asked;
mod calls;
mod events;
mod life;
mod line;
mod mirror;
mod node;
mod offers;
mod said;
mod tells;

pub(crate) use node::{Remote, placement};
