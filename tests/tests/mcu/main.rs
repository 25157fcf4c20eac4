//! The firmware of `kernel-core/examples/mcu` on emulated boards.
//!
//! They need QEMU and the compiler's targets for chips, which `tests/run.sh mcu` installs, and are
//! ignored elsewhere: `cargo test -p tests --test mcu -- --ignored`.

mod bench;
mod command_line;
mod footprint;
mod frame;
mod garbage;
mod house;
mod inspector;
mod line;
#[path = "../../../kernel-core/tests/support/memory.rs"]
mod memory;
mod node;
mod nodes;
mod smoke;
mod ways;
