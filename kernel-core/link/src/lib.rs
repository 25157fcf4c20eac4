//! The kernel's API as data: one protocol for inspectors, command lines and remote plugins, over any byte stream (a
//! Unix socket, TCP, a serial line). `no_std`, no allocation, no unsafe code.
//!
//! ```text
//!   client                                        runtime
//!     │  Hello {versions, nonce, token}              │
//!     ├─────────────────────────────────────────────▶│
//!     │◀─────────────────────────────────────────────┤  Hello {version, nonce, max_message, keep_alive_ms}
//!     │  Request {id, …}                             │
//!     ├─────────────────────────────────────────────▶│  several may be in flight, each is answered when it is
//!     │◀─────────────────────────────────────────────┤  done
//!     │                                 Reply {id, …}│
//!     │  Request {Watch {filter, since, credit}}     │
//!     ├─────────────────────────────────────────────▶│
//!     │◀───────────────────────────── Event, Lost … ─┤  no more events than there is credit for
//!     │  Credit (n), Cancel {id}, KeepAlive          │
//!     ├─────────────────────────────────────────────▶│  acted upon whatever else waits
//! ```
//!
//! A message is [postcard](https://postcard.jamesmunns.com/wire-format), framed as [`Framing`] says. Errors travel
//! as numbers ([`Failure`]) and are put into words by whoever shows them. What cannot be read is answered, and never
//! disturbs the kernel or another session. A client that goes away, or is silent for longer than the keep-alive
//! period, is cleaned up: its calls are cancelled, its watch ends, and when it was a plugin, all that it registered
//! is taken back.
//!
//! [`serve`] is the runtime's side, [`Client`] the other one, and `Remote` runs a plugin on the other side of the
//! link. A client that sends [`Hello`] again begins anew, so that a serial line, which has no end, can change hands.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `stream` | yes | frames with a length before them, for Unix sockets and TCP |
//! | `serial` | yes | frames by COBS with a CRC-16, for serial lines |
//! | `lists`, `watch`, `manage` | by `host` | what a chip's side may leave out |
//! | `peer` | no | a chip's side calls services of the runtime on the other side |
//! | `full` | by `host` and `remote` | the whole protocol; without it a chip's subset |
//! | `host` | yes | the runtime's side, with storage requests and plugins on the other side |
//! | `remote` | yes | the plugin's side |
//!
//! [`Hello`]: ToRuntime::Hello

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

#[cfg(test)]
extern crate std;

#[cfg(not(any(feature = "stream", feature = "serial")))]
compile_error!(
    "kernel-link needs a framing: enable the feature `serial` (lines), `stream` (sockets), or both"
);

#[cfg(feature = "host")]
mod access;
#[cfg(any(test, not(feature = "host")))]
mod chip;
mod client;
mod config;
#[cfg(feature = "host")]
mod dispatch;
mod end;
#[cfg(feature = "host")]
mod entries;
mod failure;
mod frame;
#[cfg(all(test, feature = "remote", feature = "stream", feature = "serial"))]
mod frame_tests;
#[cfg(feature = "host")]
mod host;
mod inbox;
mod items;
#[cfg(feature = "host")]
mod parked;
mod protocol;
mod raw;
#[cfg(feature = "remote")]
mod remote;
mod request;
#[cfg(feature = "host")]
mod server;
#[cfg(feature = "host")]
mod session;
mod shared;

#[cfg(feature = "host")]
pub use access::{Access, ByToken, Denied};
#[cfg(all(feature = "peer", not(feature = "host")))]
pub use chip::PEER;
#[cfg(not(feature = "host"))]
pub use chip::serve;
pub use client::{Client, ClientError, Receiver, Sender};
pub use config::{Config, FLIGHTS};
#[cfg(feature = "host")]
pub use config::{Manage, ManageError};
pub use end::{End, refuse};
pub use failure::{Failure, Refusal};
pub use frame::{FrameError, Framing};
pub use items::{Call, Event, Health, Plugin, Service, Slots, State};
#[cfg(feature = "full")]
pub use protocol::Step;
pub use protocol::{LostAt, Reply, ToClient, ToRuntime, VERSIONS, Versions};
pub use raw::Raw;
#[cfg(feature = "remote")]
pub use remote::{Remote, RemoteError, RemotePlugin};
pub use request::{Action, Request};
#[cfg(feature = "host")]
pub use server::{serve, serve_with};
