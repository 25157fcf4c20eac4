//! jq expressions, evaluated by a process of their own.
//!
//! An expression can run for ever, overflow its stack or ask for all memory there is, and none of
//! that can be stopped inside a process. So this program is started once more for it, with
//! [`WORKER`] as its only argument: it has limits, it is given batches of events over a socket, and it
//! is killed when it shows no result in time. A thread waits for it, so that nobody else does.

mod client;
mod wire;
mod worker;

pub(super) use client::{Batch, Direction, Jq, Progress, Verdict};
pub use worker::run as run_worker;

/// The argument that makes this program evaluate a jq expression: see [`run_worker`].
pub const WORKER: &str = "--jq-worker";

/// The most bytes shown of an output.
const SHOWN: usize = 240;
