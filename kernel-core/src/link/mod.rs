//! The kernel's API as data: one protocol for inspectors, command lines and remote plugins, over
//! any byte stream (a Unix socket, TCP, a serial line).
//!
//! ```text
//!   client                                        runtime
//!     │  Hello {version, nonce, token}               │
//!     ├─────────────────────────────────────────────▶│
//!     │◀─────────────────────────────────────────────┤  Hello {version, nonce, max_message, now}
//!     │  Request {id, …}                             │
//!     ├─────────────────────────────────────────────▶│  several may be under way; calls and storage
//!     │◀─────────────────────────────────────────────┤  requests are answered as they end
//!     │                                 Reply {id, …}│
//!     │  Request {Watch {filter, since, credit}}     │
//!     ├─────────────────────────────────────────────▶│
//!     │◀───────────────────────────── Event, Lost … ─┤  no more events than there is credit for
//!     │  Credit (n)                                  │
//!     ├─────────────────────────────────────────────▶│
//! ```
//!
//! A message is [postcard](https://postcard.jamesmunns.com/wire-format), framed as [`frame`] says.
//! The runtime answers what it cannot read with [`ToClient::Refused`] and goes on; nothing a client
//! sends disturbs the kernel. A client that goes away is cleaned up: its calls are cancelled, its
//! watch ends, and when it was a plugin, all that it registered is taken back.
//!
//! [`serve`] is the runtime's side, [`Client`] the other one. A client that sends [`Hello`] again
//! begins anew, so that a serial line, which has no end, can change hands.
//!
//! [`Hello`]: ToRuntime::Hello

mod client;
mod dispatch;
pub mod frame;
mod items;
mod lists;
mod outbox;
mod protocol;
mod raw;
mod remote;
mod server;
mod session;
mod watch;

pub use client::{Client, ClientError};
pub use frame::FrameError;
pub use items::{Call, Event, Plugin, Service, State};
pub use protocol::{Action, Failure, LostAt, Reply, Request, Step, ToClient, ToRuntime, VERSION};
pub use raw::Raw;
pub use server::{End, Identity, refuse, serve, serve_until};
