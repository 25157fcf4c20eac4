//! The nRF51's UART.

use crate::board::interrupt::Interrupt;
use crate::register::Register;

const UART: usize = 0x4000_2000;
const INTERRUPT: Interrupt = Interrupt(2);

const fn register(offset: usize) -> Register {
    // SAFETY: the UART's registers, by the reference manual of the nRF51.
    unsafe { Register::at(UART + offset) }
}

const START_RX: Register = register(0x000);
const START_TX: Register = register(0x008);
const RECEIVED: Register = register(0x108);
const SENT: Register = register(0x11c);
const INTERRUPTS_ON: Register = register(0x304);
const INTERRUPTS_OFF: Register = register(0x308);
const ENABLE: Register = register(0x500);
const PIN_TX: Register = register(0x50c);
const PIN_RX: Register = register(0x514);
const RX: Register = register(0x518);
const TX: Register = register(0x51c);
const BAUD: Register = register(0x524);

const RX_READY: u32 = 1 << 2;
const TX_READY: u32 = 1 << 7;

/// The serial line of the board.
pub(crate) struct Line;

impl Line {
    pub(crate) fn start() {
        PIN_TX.write(24);
        PIN_RX.write(25);
        BAUD.write(0x01d7_e000); // 115,200
        ENABLE.write(4);
        START_RX.write(1);
        START_TX.write(1);
        // The chip says when it has sent a byte, not when it could: as if one had been sent.
        SENT.write(1);
        Line::listen(true);
        INTERRUPT.enable();
    }

    /// The next byte that came.
    pub(crate) fn receive() -> Option<u8> {
        (RECEIVED.read() != 0).then(|| {
            RECEIVED.write(0);
            RX.read() as u8
        })
    }

    /// Interrupts for bytes that come in.
    pub(crate) fn listen(on: bool) {
        let interrupts = if on { INTERRUPTS_ON } else { INTERRUPTS_OFF };
        interrupts.write(RX_READY);
    }

    pub(crate) fn can_send() -> bool {
        SENT.read() != 0
    }

    pub(crate) fn send(byte: u8) {
        SENT.write(0);
        TX.write(byte as u32);
    }

    /// Interrupts once when a byte can be sent.
    pub(crate) fn want_to_send() {
        INTERRUPTS_ON.write(TX_READY);
    }

    /// Ends the interrupt for sending.
    pub(crate) fn acknowledge() {
        INTERRUPTS_OFF.write(TX_READY);
    }
}
