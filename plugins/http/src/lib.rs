//! HTTP: calls, events, state, storage and plugins for programs, browsers and monitoring. It is off until it is told
//! where to listen. `docs/http.md` has the routes with examples.
//!
//! It has no rights of its own: each request is made on the runtime's link with the key that the client shows
//! (`Authorization: Bearer KEY`), and allowed or refused where those of all other clients are.
//!
//! | setting | default | allowed |
//! |---|---|---|
//! | `listen` | none: off | an IP address and a port; one that others can reach wants `certificate` and `key` |
//! | `certificate`, `key` | none | files in PEM |
//! | `origins` | none | the pages that browsers let ask: a list such as `["https://panel.example"]` |
//! | `body_bytes` | 65,536 | 1,024 to 1 MiB: the longest body; the link takes some 66,000 |
//! | `key_per_second`, `address_per_second` | 200, 400 | 1 to 1,000,000: requests, as many at once |
//! | `connections`, `connections_per_address` | 512, 128 | 1 to 65,536 |
//! | `header_timeout_s` | 10 | 1 to 3,600: for the head of a request, also while there is none |
//! | `body_timeout_s` | 30 | the same: for a body |
//! | `write_timeout_s` | 30 | the same: a client that takes nothing for so long is hung up on |
//!
//! - **Errors** of the plugin: `invalid_settings`, `not_started` when the port or the certificate cannot be used.
//! - **Services, subscriptions, state, storage**: none. It reads the files that its settings name.

mod bodies;
mod caller;
mod calls;
mod cors;
mod events;
mod mcp;
mod metrics;
mod openapi;
mod params;
mod patient;
mod plugin;
mod plugins;
mod problem;
mod rates;
mod reply;
mod routes;
mod server;
mod settings;
mod shared;
mod state;
mod storage;
mod stream;
mod watching;
mod websocket;

pub use plugin::Http;
