//! A chip's writer of messages: the same bytes as postcard's, put field by field straight into the frame. What has
//! no room is noticed once, at the end.

use kernel_core::Fault;

use crate::frame::Sink;
use crate::items::Slots;
use crate::{Framing, Refusal};

/// A message that is being written.
pub(crate) struct Put<'o> {
    sink: Sink<'o>,
    bad: bool,
}

impl<'o> Put<'o> {
    pub(crate) fn new(framing: Framing, to: &'o mut [u8]) -> Self {
        Put {
            sink: Sink::new(framing, to),
            bad: false,
        }
    }

    #[inline(never)]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bad |= self.sink.put(bytes).is_err();
    }

    #[inline(never)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// A number, seven bits to a byte.
    #[inline(never)]
    pub(crate) fn word(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number = number.wrapping_shr(7);
        }
        self.byte(number as u8);
    }

    /// The same of 64 bits.
    #[inline(never)]
    pub(crate) fn long(&mut self, mut number: u64) {
        // What is above 32 bits takes few rounds.
        while number > u32::MAX as u64 {
            self.byte(number as u8 | 0x80);
            number = number.wrapping_shr(7);
        }
        self.word(number as u32);
    }

    #[inline(never)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u32);
        self.raw(bytes);
    }

    #[inline(never)]
    pub(crate) fn texts(&mut self, texts: &[&str]) {
        for text in texts {
            self.bytes(text.as_bytes());
        }
    }

    #[inline(never)]
    pub(crate) fn option(&mut self, number: Option<u32>) {
        self.byte(number.is_some() as u8);
        if let Some(number) = number {
            self.word(number);
        }
    }

    #[inline(never)]
    pub(crate) fn words(&mut self, words: &[u32]) {
        for word in words {
            self.word(*word);
        }
    }

    pub(crate) fn slots(&mut self, slots: Slots) {
        self.words(&slots.0);
    }

    /// [`Failure::Fault`](crate::Failure::Fault).
    #[inline(never)]
    pub(crate) fn fault(&mut self, fault: Fault) {
        let (number, a, b) = fault.to_parts();
        self.raw(&[0, number]);
        self.words(&[a, b]);
    }

    /// [`Failure::Error`](crate::Failure::Error).
    pub(crate) fn error(&mut self, code: &str, message: &str) {
        self.byte(1);
        self.texts(&[code, message]);
    }

    /// [`Failure::Link`](crate::Failure::Link), of those that a chip has.
    #[inline(never)]
    pub(crate) fn refusal(&mut self, refusal: Refusal) {
        let (number, words): (u8, &[u32]) = match refusal {
            Refusal::NoSession => (0, &[]),
            Refusal::Version(oldest, newest) => (1, &[oldest as u32, newest as u32]),
            Refusal::Token => (2, &[]),
            Refusal::Malformed => (3, &[]),
            Refusal::Damaged => (4, &[]),
            Refusal::TooLarge(max) => (5, &[max]),
            Refusal::InFlight(most) => (7, &[most]),
            _ => (6, &[]),
        };
        self.raw(&[2, number]);
        self.words(words);
    }

    /// The bytes of the frame, which is then to be closed; `None` when it had no room.
    #[inline(never)]
    pub(crate) fn end(self) -> Option<usize> {
        let len = self.sink.end().ok();
        len.filter(|_| !self.bad)
    }
}
