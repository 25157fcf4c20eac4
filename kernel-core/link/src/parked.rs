//! A publish that waits for subscribers that make publishers wait: its texts are kept until it is done.

use kernel_core::{Json, Op, Span};

/// Room for one such publish.
pub(crate) struct Parked<'b> {
    buf: &'b mut [u8],
    topic: usize,
    len: usize,
    limit: Span,
}

impl<'b> Parked<'b> {
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Parked {
            buf,
            topic: 0,
            len: 0,
            limit: Span::NONE,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Keeps a publish; false when there is one already, or no room.
    pub(crate) fn keep(&mut self, topic: &str, payload: &[u8], limit: Span) -> bool {
        let len = topic.len().saturating_add(payload.len());
        let Some((to, rest)) = self.buf.split_at_mut_checked(topic.len()) else {
            return false;
        };
        let Some(rest) = rest.get_mut(..payload.len()) else {
            return false;
        };
        if self.len > 0 {
            return false;
        }
        to.copy_from_slice(topic.as_bytes());
        rest.copy_from_slice(payload);
        (self.topic, self.len, self.limit) = (topic.len(), len, limit);
        true
    }

    /// The operation.
    pub(crate) fn op(&self) -> Option<Op<'_>> {
        let (topic, payload) = self.buf.get(..self.len)?.split_at_checked(self.topic)?;
        Some(Op::Publish {
            topic: core::str::from_utf8(topic).ok()?,
            payload: Json::new(payload).ok()?,
            limit: self.limit,
        })
    }
}
