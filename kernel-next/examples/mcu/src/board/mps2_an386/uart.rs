//! CMSDK's UART 0.

use super::CLOCK_HZ;
use crate::board::interrupt::Interrupt;
use crate::register::Register;

const UART: usize = 0x4000_4000;
const RECEIVED: Interrupt = Interrupt(0);
const SENT: Interrupt = Interrupt(1);

const fn register(offset: usize) -> Register {
    // SAFETY: the registers of UART 0, by Arm's application note 386.
    unsafe { Register::at(UART + offset) }
}

const DATA: Register = register(0x0);
const STATE: Register = register(0x4);
const CONTROL: Register = register(0x8);
const INTERRUPT: Register = register(0xc);
const BAUD_DIVIDER: Register = register(0x10);

const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;

const TX_ON: u32 = 1 << 0;
const RX_ON: u32 = 1 << 1;
const TX_INTERRUPT: u32 = 1 << 2;
const RX_INTERRUPT: u32 = 1 << 3;

/// The serial line of the board.
pub(crate) struct Line;

impl Line {
    pub(crate) fn start() {
        BAUD_DIVIDER.write(CLOCK_HZ / 115_200);
        CONTROL.write(TX_ON | RX_ON | TX_INTERRUPT | RX_INTERRUPT);
        RECEIVED.enable();
        SENT.enable();
    }

    /// The next byte that came.
    pub(crate) fn receive() -> Option<u8> {
        (STATE.read() & RX_FULL != 0).then(|| {
            INTERRUPT.write(RX_FULL);
            DATA.read() as u8
        })
    }

    /// Interrupts for bytes that come in.
    pub(crate) fn listen(on: bool) {
        let bit = if on { RX_INTERRUPT } else { 0 };
        CONTROL.write(TX_ON | RX_ON | TX_INTERRUPT | bit);
    }

    pub(crate) fn can_send() -> bool {
        STATE.read() & TX_FULL == 0
    }

    pub(crate) fn send(byte: u8) {
        DATA.write(byte as u32);
    }

    /// Interrupts once when a byte can be sent: it always does.
    pub(crate) fn want_to_send() {}

    /// Ends the interrupt for sending.
    pub(crate) fn acknowledge() {
        INTERRUPT.write(TX_FULL);
    }
}
