//! The chip's own interrupts.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// An interrupt by its number.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(pub(crate) u16);

// SAFETY: the numbers are from the manuals of the chips, and do not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

impl Interrupt {
    pub(crate) fn enable(self) {
        // SAFETY: no critical section here is made by masking single interrupts.
        unsafe { NVIC::unmask(self) }
    }
}

/// Every interrupt of the chip: with so few, one handler in place of a table of them saves the
/// generated code for each chip.
#[exception]
unsafe fn DefaultHandler(_number: i16) {
    crate::uart::on_interrupt();
}
