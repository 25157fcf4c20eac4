//! The I/O thread against a real runtime, behind a real socket.

extern crate kernel_core as kernel_core;

#[path = "../support/mod.rs"]
mod support;

mod flow;
mod lines;
mod recording;
mod requests;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
