//! Nodes: a board, or another runtime, at the other end of a link, as a plugin of this one. What it offers, publishes
//! and keeps as state is here; what it was granted of this runtime is there.
//!
//! ```text
//! lives.rs ── node.rs ── life.rs ── line.rs       bytes, and whether somebody is there ── said.rs
//!                           ├── calls.rs          calls of its services
//!                           ├── asked.rs          what it calls here
//!                           ├── offers.rs         whose services are where
//!                           ├── events.rs         both ways
//!                           └── mirror.rs         its state
//! ```

mod asked;
mod calls;
mod events;
mod key;
mod life;
mod line;
mod mirror;
mod node;
mod offers;
mod said;

pub(crate) use node::{Remote, placement};
