//! The firmware of `kernel-core/examples/mcu`: built, looked into, and run on an emulator.

pub mod bench;
mod build;
mod emulator;
mod footprint;
mod image;
mod lines;
mod panics;
mod parts;
mod table;

pub use build::{Board, Build};
pub use emulator::{Emulator, Outcome};
pub use footprint::{Footprint, PROFILES, Part, Profile, measure};
pub use image::{Image, Sizes, Symbol};
pub use panics::{Panic, panics_of};
pub use parts::{Parts, parts_of};
pub use table::Table;

/// Where the emulator is not wanted, by `CORE_RUNTIME_SKIP_MCU=1`; says so loudly.
pub fn is_skipped(what: &str) -> bool {
    let skipped = std::env::var_os("CORE_RUNTIME_SKIP_MCU").is_some_and(|value| value == "1");
    if skipped {
        // Past the test harness, which keeps what a test that passes says to itself.
        let note = format!("\n*** SKIPPED by CORE_RUNTIME_SKIP_MCU=1: {what} ***\n\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
    }
    skipped
}
