//! BBC micro:bit: nRF51822, a Cortex-M0 at 16 MHz.
//!
//! The real chip has no SysTick; its RTC would be the time driver there.

#[cfg(feature = "flash")]
pub(crate) mod flash;
#[cfg(feature = "uart")]
pub(crate) mod uart;

/// The board's name.
pub const NAME: &str = "microbit";
/// The processor's clock.
pub const CLOCK_HZ: u32 = 16_000_000;
