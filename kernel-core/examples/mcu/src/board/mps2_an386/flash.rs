//! This board has no flash: a part of the static RAM that its program runs from takes the place of one, and is blank
//! when the board is switched on.

use core::ops::Range;

use crate::register::Register;

/// The flash of the board.
pub(crate) struct Nor;

impl Nor {
    /// Behind what `memory/mps2-an386.x` has for the program.
    pub(crate) const RANGE: Range<u32> = 0x10_0000..0x10_4000;
    pub(crate) const PAGE: usize = 1024;

    pub(crate) fn start() {
        Nor::RANGE.step_by(Nor::PAGE).for_each(Nor::erase);
    }

    pub(crate) fn erase(page: u32) {
        for address in (page..page + Nor::PAGE as u32).step_by(4) {
            // SAFETY: pages are those of the range above, by application note 386 static RAM that nobody else has.
            unsafe { Register::at(address as usize) }.write(u32::MAX);
        }
    }

    pub(crate) fn write(word: Register, value: u32) {
        word.write(word.read() & value);
    }
}
