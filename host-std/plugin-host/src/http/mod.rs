//! Plugins that are servers which somebody else runs, by the original's contract over HTTP (docs/http-plugins.md).
//!
//! ```text
//! lives.rs ── life.rs ── client.rs     one request, one deadline
//!                 └── contract.rs      what is said in it
//! ```

mod client;
mod contract;
mod life;

pub(crate) use life::Server;
