//! The Model Context Protocol: what programs with a language model ask a runtime by. `docs/mcp.md` shows how.
//!
//! It has no life of its own: over the standard input and output it is the command `core-runtime mcp` ([`over_stdio`]),
//! over HTTP it is served by the HTTP gateway ([`service`]).
//!
//! - **Tools** are the services, by other names: `devices.set_state` is `devices__set_state`. The description
//!   and the schema of the arguments are the plugin's. `readOnlyHint` says that a service only reads. Where arguments are no object
//!   they are the member `value` of one. They are listed for keys with the scope `plugins.read`; each call is allowed or
//!   refused by the runtime, and a refusal is a result that says which scope is missing.
//! - **Resources**: `runtime://state/KEY` is a state value, `runtime://events/FILTER` are the newest events that match.
//! - A request has the rights of the key that the client shows; the owner of the runtime's Unix socket has all.

mod errors;
mod names;
mod resources;
mod server;
mod tools;
mod transports;

pub use server::Server;
pub use transports::{HttpService, over_stdio, service};
