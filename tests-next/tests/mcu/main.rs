//! The firmware of `kernel-next/examples/mcu` on emulated boards.
//!
//! They need QEMU and the compiler's targets for chips, which `tests/run.sh mcu` installs, and are
//! ignored elsewhere: `cargo test -p tests-next --test mcu -- --ignored`.

mod bench;
mod command_line;
mod footprint;
mod frame;
mod garbage;
mod line;
#[path = "../../../kernel-next/tests/support/memory.rs"]
mod memory;
mod node;
mod smoke;
mod ways;
