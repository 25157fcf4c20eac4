//! The one message on its way out.

use kernel_core::Fault;

use super::put::Put;
use crate::frame::close;
use crate::{Framing, Refusal};

pub(super) struct Outbox<'b> {
    framing: Framing,
    /// Empty while it is being written.
    buf: &'b mut [u8],
    len: usize,
    /// The longest message.
    pub(super) max_message: u32,
    /// Something was sent since the last tick.
    pub(super) spoke: bool,
}

impl<'b> Outbox<'b> {
    pub(super) fn new(framing: Framing, buf: &'b mut [u8]) -> Self {
        Outbox {
            framing,
            max_message: framing.max_message(buf.len()) as u32,
            buf,
            len: 0,
            spoke: false,
        }
    }

    /// True when a message has room.
    pub(super) fn ready(&self) -> bool {
        !self.buf.is_empty() && self.len == 0
    }

    /// Begins a message of this kind; to be used when the outbox is ready. When it is complete, [`Outbox::sent`].
    #[inline(never)]
    pub(super) fn message(&mut self, kind: u8) -> Put<'_> {
        let mut put = Put::new(self.framing, self.buf);
        put.byte(kind);
        put
    }

    /// Begins an answer of this kind. When it is complete, [`Outbox::replied`].
    #[inline(never)]
    pub(super) fn reply(&mut self, id: u32, kind: u8) -> Put<'_> {
        let mut put = self.message(2);
        put.word(id);
        put.byte(kind);
        put
    }

    /// False when the message was larger than a frame, which is not sent.
    #[inline(never)]
    pub(super) fn sent(&mut self, len: Option<usize>) -> bool {
        let closed = len.and_then(|len| close(self.framing, len, self.buf).ok());
        self.len = closed.unwrap_or(0);
        self.spoke = true;
        closed.is_some()
    }

    /// An answer that was larger than a frame becomes an error.
    #[inline(never)]
    pub(super) fn replied(&mut self, id: u32, len: Option<usize>) {
        if !self.sent(len) {
            self.refuse(id, Refusal::TooLarge(self.max_message));
        }
    }

    /// Answers with a number.
    #[inline(never)]
    pub(super) fn count(&mut self, id: u32, count: u64) {
        let mut put = self.reply(id, 3);
        put.long(count);
        let len = put.end();
        self.sent(len);
    }

    /// Answers without more than a kind.
    #[inline(never)]
    pub(super) fn done(&mut self, id: u32, kind: u8) {
        let len = self.reply(id, kind).end();
        self.sent(len);
    }

    #[inline(never)]
    pub(super) fn fault(&mut self, id: u32, fault: Fault) {
        if fault == Fault::Absent {
            return self.done(id, ABSENT);
        }
        let mut put = self.reply(id, FAILED);
        put.fault(fault);
        let len = put.end();
        self.sent(len);
    }

    #[inline(never)]
    pub(super) fn refuse(&mut self, id: u32, refusal: Refusal) {
        let mut put = self.reply(id, FAILED);
        put.refusal(refusal);
        let len = put.end();
        self.sent(len);
    }

    /// Refuses what is no request.
    #[inline(never)]
    pub(super) fn refuse_message(&mut self, refusal: Refusal) {
        let mut put = self.message(1);
        put.refusal(refusal);
        let len = put.end();
        self.sent(len);
    }

    /// Takes the buffer to be written, when there is something in it: the bytes of it that are.
    pub(super) fn take(&mut self) -> Option<(&'b mut [u8], usize)> {
        (self.len > 0).then(|| (core::mem::take(&mut self.buf), core::mem::take(&mut self.len)))
    }

    /// Gives the buffer back.
    pub(super) fn put(&mut self, buf: &'b mut [u8]) {
        self.buf = buf;
    }
}

/// The numbers of [`Reply`](crate::Reply).
pub(super) const DONE: u8 = 0;
pub(super) const ABSENT: u8 = 1;
pub(super) const FAILED: u8 = 2;
pub(super) const JSON: u8 = 4;
pub(super) const STATE: u8 = 9;
#[cfg(feature = "lists")]
pub(super) const END: u8 = 10;
pub(super) const HEALTH: u8 = 11;
#[cfg(feature = "manage")]
pub(super) const PLUGIN_STATE: u8 = 12;
#[cfg(feature = "peer")]
pub(super) const TEXT: u8 = 16;
