//! The link, both sides, over a byte stream in memory.
#![cfg(feature = "link")]

#[path = "../support/pipe.rs"]
mod pipe;
#[path = "../support/mod.rs"]
mod support;
#[macro_use]
#[path = "../support/session.rs"]
mod session;

mod clients;
mod requests;
mod watching;
