//! The two boards: what differs between them.

#[cfg(feature = "uart")]
mod interrupt;
#[cfg(feature = "microbit")]
mod microbit;
#[cfg(all(feature = "microbit", feature = "flash"))]
pub(crate) use microbit::flash::Nor;
#[cfg(all(feature = "microbit", feature = "uart"))]
pub(crate) use microbit::uart::Line;
#[cfg(feature = "microbit")]
pub use microbit::{CLOCK_HZ, NAME};

#[cfg(feature = "mps2-an386")]
mod mps2_an386;
#[cfg(all(feature = "mps2-an386", feature = "flash"))]
pub(crate) use mps2_an386::flash::Nor;
#[cfg(all(feature = "mps2-an386", feature = "uart"))]
pub(crate) use mps2_an386::uart::Line;
#[cfg(feature = "mps2-an386")]
pub use mps2_an386::{CLOCK_HZ, NAME, cycle_counter};

/// What a program takes of the chip, once.
pub struct Parts {
    pub(crate) core: cortex_m::Peripherals,
}

/// The parts of the chip, with the time running; `None` when somebody has them.
pub fn take() -> Option<Parts> {
    let mut parts = Parts {
        core: cortex_m::Peripherals::take()?,
    };
    crate::time::start(&mut parts);
    Some(parts)
}
