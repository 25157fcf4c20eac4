//! What the firmware of the emulated boards shares: an executor that sleeps, the time, the serial
//! line, and a few plugins.

#![no_std]

pub mod board;
#[cfg(feature = "demo")]
pub mod check;
pub mod executor;
#[cfg(feature = "flash")]
pub mod flash;
#[cfg(not(feature = "demo"))]
mod halt;
#[cfg(feature = "measured")]
pub mod measured;
#[cfg(feature = "programs")]
pub mod plugins;
#[cfg(any(feature = "uart", feature = "flash", feature = "mps2-an386"))]
mod register;
pub mod time;
#[cfg(feature = "uart")]
pub mod uart;
