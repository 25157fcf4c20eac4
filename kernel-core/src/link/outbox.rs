//! What is on its way out: messages are encoded one by one and stuffed behind each other, while
//! what was stuffed before is being written.

use core::mem::{swap, take};

use serde::Serialize;

use super::frame::{self, FrameError};

/// The buffers of one direction.
pub(crate) struct Outbox<'b> {
    /// The message that was encoded last.
    scratch: &'b mut [u8],
    /// Its length, while it waits for room behind the others.
    waiting: usize,
    /// Frames, to be written next.
    back: &'b mut [u8],
    len: usize,
}

impl<'b> Outbox<'b> {
    pub(crate) fn new(scratch: &'b mut [u8], back: &'b mut [u8]) -> Self {
        Outbox {
            scratch,
            waiting: 0,
            back,
            len: 0,
        }
    }

    /// True when a message can be sent.
    pub(crate) fn ready(&self) -> bool {
        self.waiting == 0
    }

    /// True when there is something to write.
    pub(crate) fn has_frames(&self) -> bool {
        self.len > 0
    }

    /// Sends a message; to be used when [`Outbox::ready`].
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]: it is not sent.
    pub(crate) fn send<T: Serialize>(&mut self, message: &T) -> Result<(), FrameError> {
        let len = frame::encode(message, self.scratch)?;
        // It must fit into an empty buffer, or it would wait for ever.
        if len.saturating_add(frame::overhead(len)) > self.back.len() {
            return Err(FrameError::TooLarge);
        }
        self.waiting = len;
        self.stuff();
        Ok(())
    }

    /// Gives the frames out and takes the buffer of the ones before; their length.
    pub(crate) fn swap(&mut self, front: &mut &'b mut [u8]) -> usize {
        swap(&mut self.back, front);
        let len = take(&mut self.len);
        self.stuff();
        len
    }

    fn stuff(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let room = self.back.get_mut(self.len..).unwrap_or(&mut []);
        if let Some(encoded) = self.scratch.get(..self.waiting)
            && let Ok(len) = frame::stuff(encoded, room)
        {
            self.len = self.len.saturating_add(len);
            self.waiting = 0;
        }
    }
}
