//! The second edition on emulated boards: [`mcu`] builds the firmware of `kernel-next/examples/mcu` and runs it on an
//! emulator.

mod binary;
pub mod mcu;

pub use binary::binary;
