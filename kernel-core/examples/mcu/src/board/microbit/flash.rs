//! The nRF51's flash, written and erased by its controller.

use core::ops::Range;

use crate::register::Register;

const fn register(offset: usize) -> Register {
    // SAFETY: the flash controller's registers, by the reference manual of the nRF51.
    unsafe { Register::at(0x4001_e000 + offset) }
}

const READY: Register = register(0x400);
const CONFIG: Register = register(0x504);
const ERASE_PAGE: Register = register(0x508);

const READ_ONLY: u32 = 0;
const WRITE: u32 = 1;
const ERASE: u32 = 2;

/// The flash of the board.
pub(crate) struct Nor;

impl Nor {
    /// What `memory/microbit.x` leaves.
    pub(crate) const RANGE: Range<u32> = 0x3_c000..0x4_0000;
    pub(crate) const PAGE: usize = 1024;

    /// The emulator's flash is all zeros where a new chip's is blank.
    pub(crate) fn start() {
        // SAFETY: it is flash, which may be read.
        let word = |address: u32| unsafe { Register::at(address as usize) };
        if Nor::RANGE.step_by(4).all(|address| word(address).read() == 0) {
            Nor::RANGE.step_by(Nor::PAGE).for_each(Nor::erase);
        }
    }

    pub(crate) fn erase(page: u32) {
        within(ERASE, || ERASE_PAGE.write(page));
    }

    pub(crate) fn write(word: Register, value: u32) {
        within(WRITE, || word.write(value));
    }
}

/// Lets the controller do something, and waits until it is done.
fn within(mode: u32, todo: impl FnOnce()) {
    CONFIG.write(mode);
    todo();
    while READY.read() & 1 == 0 {}
    CONFIG.write(READ_ONLY);
}
