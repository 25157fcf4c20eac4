//! Arm MPS2 with the AN386 image: a Cortex-M4 at 25 MHz, with CMSDK's UART.

#[cfg(feature = "flash")]
pub(crate) mod flash;
#[cfg(feature = "uart")]
pub(crate) mod uart;

use crate::register::Register;

/// The board's name.
pub const NAME: &str = "mps2-an386";
/// The processor's clock.
pub const CLOCK_HZ: u32 = 25_000_000;

/// Counts up with the processor's clock, on the emulator also with its virtual time.
pub fn cycle_counter() -> u32 {
    // SAFETY: COUNTER of the FPGA system control, by Arm's application note 386.
    const COUNTER: Register = unsafe { Register::at(0x4002_8018) };
    COUNTER.read()
}
