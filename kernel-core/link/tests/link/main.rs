//! The link: requests, clients that misbehave, watching, and what is in flight.
#![cfg(feature = "host")]

#[path = "../support/pipe.rs"]
mod pipe;
#[path = "../../../tests/support/mod.rs"]
mod support;
#[macro_use]
#[path = "../support/session.rs"]
mod session;

mod clients;
mod flights;
mod peering;
mod requests;
mod watching;
