//! Several runtimes as one, over NATS: events of one reach plugins of another, services of one are called from another,
//! and a singleton is run by one of them. `docs/cluster.md` has the settings, what is promised, and what is lost when.
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `cluster.status` | nothing | the connection, what was sent, received and missed, calls, and the leases |
//! | `cluster.members` | nothing | the other runtimes: name, since when, when heard last, services, events |
//! | `cluster.put` | `{"key", "value", "token"}`, of a singleton | the revision |
//! | `cluster.get` | `{"key", "singleton"?}` | the value, or null |
//!
//! - **Events**: `cluster.joined`, `cluster.left`, `cluster.missed`, `cluster.lease`.
//! - **Subscriptions**: the filters of the setting `share`.
//! - **State**: it reads `runtime.singletons`, and writes `cluster.lease.PLUGIN` as long as this runtime has the lease.
//! - **Errors**: `invalid_settings`, `name_taken`; of calls `runtime_gone`, `disconnected`, `cycle`, `not_found`, `not_sent`;
//!   of the store `fenced`, `store`, `not_configured`, `invalid_argument`.
//! - **Storage, dependencies**: none.
//!
//! ```text
//! plugin.rs ── node.rs                what all parts share
//!   ├── presence.rs ── members.rs     who is there
//!   ├── outbox.rs                     events of this runtime: numbered, queued, sent
//!   ├── events.rs ── merge.rs, tally.rs   events of others: in order, counted
//!   ├── calls.rs ── pending.rs        calls, both ways
//!   ├── proxies.rs ── offers.rs       services of others here, and of this one there
//!   ├── lease/                        singletons
//!   └── far.rs                        plugins of others, attached here
//! link.rs, wire.rs, settings.rs       the connection; what is said; what is set
//! ```
//!
//! It has a loop of its own over its mailbox ([`live`]), by which a host gives it the kernel: it attaches plugins, as the link
//! does.

mod calls;
mod events;
mod far;
mod lease;
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
#[cfg(test)]
mod tests;
mod time;
mod wire;

pub use plugin::{METADATA, live};
