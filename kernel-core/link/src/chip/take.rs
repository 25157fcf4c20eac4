//! A chip's reader of messages: the same bytes as postcard's, taken field by field. What is missing is read as
//! nothing, and noticed once, at the end.

use crate::Refusal;

/// The fields of a message that are still to be read.
pub(crate) struct Take<'a> {
    rest: &'a [u8],
    bad: bool,
}

impl<'a> Take<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Take {
            rest: message,
            bad: false,
        }
    }

    #[inline(never)]
    pub(crate) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => {
                self.bad = true;
                0
            }
        }
    }

    /// A number of up to so many bits, seven to a byte.
    #[inline(never)]
    fn bits(&mut self, bits: u32) -> u64 {
        let (mut number, mut at) = (0u64, 0u32);
        loop {
            let byte = self.byte();
            let low = (byte & 0x7f) as u64;
            // The last byte has no more bits than are left.
            let left = bits.saturating_sub(at);
            if left == 0 || left < 7 && low.wrapping_shr(left) != 0 {
                self.bad = true;
                return 0;
            }
            number |= low.wrapping_shl(at);
            if byte < 0x80 {
                return number;
            }
            at = at.wrapping_add(7);
        }
    }

    pub(crate) fn long(&mut self) -> u64 {
        self.bits(64)
    }

    pub(crate) fn word(&mut self) -> u32 {
        self.bits(32) as u32
    }

    pub(crate) fn short(&mut self) -> u16 {
        self.bits(16) as u16
    }

    #[inline(never)]
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = self.word() as usize;
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                bytes
            }
            None => {
                self.bad = true;
                &[]
            }
        }
    }

    #[inline(never)]
    pub(crate) fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or_else(|_| {
            self.bad = true;
            ""
        })
    }

    #[inline(never)]
    pub(crate) fn is_some(&mut self) -> bool {
        let some = self.byte();
        self.bad |= some > 1;
        some == 1
    }

    #[inline(never)]
    pub(crate) fn option(&mut self) -> Option<u64> {
        if self.is_some() { Some(self.long()) } else { None }
    }

    /// # Errors
    /// [`Refusal::Unknown`] when something was missing, or made no sense.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.bad { Err(Refusal::Unknown) } else { Ok(()) }
    }
}
