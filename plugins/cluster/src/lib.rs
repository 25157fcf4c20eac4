//! Several runtimes as one, over NATS.

mod calls;
mod events;
mod far;
mod leases;
mod link;
mod lock;
mod members;
mod merge;
mod node;
mod offers;
mod outbox;
mod pending;
mod plugin;
mod presence;
mod proxies;
mod settings;
mod tally;
mod time;
mod wire;

pub use plugin::{METADATA, live};
