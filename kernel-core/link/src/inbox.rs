//! What comes in: bytes collected into frames.

use core::ops::Range;

#[cfg(feature = "serial")]
use crate::frame::END;
#[cfg(feature = "serial")]
use crate::frame::serial;
use crate::frame::{FrameError, Framing};
#[cfg(feature = "stream")]
use crate::frame::{LEN, MOST_SKIPPED};

/// Collects bytes into frames.
pub(crate) struct Inbox<'b> {
    framing: Framing,
    buf: &'b mut [u8],
    /// Bytes of the buffer that were given out, and that are there.
    used: usize,
    len: usize,
    /// Bytes of a frame that is too long, still to come: on a serial line all up to the next end.
    skip: u32,
}

impl<'b> Inbox<'b> {
    pub(crate) fn new(framing: Framing, buf: &'b mut [u8]) -> Self {
        Inbox {
            framing,
            buf,
            used: 0,
            len: 0,
            skip: 0,
        }
    }

    /// Where the next bytes go; only to be asked for when [`Inbox::next`] found nothing.
    #[inline(never)]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.used > 0 {
            let there = self.len.saturating_sub(self.used);
            // Byte by byte where a `memmove` that knows better would be most of a frame's code.
            #[cfg(not(target_pointer_width = "64"))]
            for at in 0..there {
                let byte = self.buf.get(at.wrapping_add(self.used)).copied();
                if let (Some(to), Some(byte)) = (self.buf.get_mut(at), byte) {
                    *to = byte;
                }
            }
            #[cfg(target_pointer_width = "64")]
            self.buf.copy_within(self.used.min(self.len)..self.len, 0);
            self.len = there;
            self.used = 0;
        }
        self.buf.get_mut(self.len..).unwrap_or_default()
    }

    /// So many bytes came.
    pub(crate) fn filled(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.buf.len());
    }

    /// The bytes of a frame that [`Inbox::next`] found.
    pub(crate) fn frame(&self, range: Range<usize>) -> &[u8] {
        self.buf.get(range).unwrap_or(&[])
    }

    /// The next frame: where its message is; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Option<Result<Range<usize>, FrameError>> {
        match self.framing {
            #[cfg(feature = "stream")]
            Framing::Stream => self.next_of_stream(),
            #[cfg(feature = "serial")]
            Framing::Serial => self.next_of_line(),
        }
    }

    #[cfg(feature = "stream")]
    fn next_of_stream(&mut self) -> Option<Result<Range<usize>, FrameError>> {
        if self.skip > 0 {
            let there = (self.len.saturating_sub(self.used) as u32).min(self.skip);
            self.used = self.used.wrapping_add(there as usize);
            self.skip = self.skip.wrapping_sub(there);
            if self.skip > 0 {
                return None;
            }
        }
        let there = self.buf.get(self.used..self.len)?;
        let (head, body) = there.split_first_chunk::<LEN>()?;
        let len = u32::from_le_bytes(*head);
        let start = self.used.wrapping_add(LEN);
        if len as usize > self.buf.len().saturating_sub(LEN) {
            if len > MOST_SKIPPED {
                return Some(Err(FrameError::Lost));
            }
            self.used = start;
            self.skip = len;
            return Some(Err(FrameError::TooLarge));
        }
        if body.len() < len as usize {
            return None;
        }
        let end = start.wrapping_add(len as usize);
        self.used = end;
        Some(Ok(start..end))
    }

    #[cfg(feature = "serial")]
    #[inline(never)]
    fn next_of_line(&mut self) -> Option<Result<Range<usize>, FrameError>> {
        loop {
            let there = self.buf.get_mut(self.used..self.len)?;
            let Some(end) = there.iter().position(|byte| *byte == END) else {
                // A frame that fills the buffer has no end that could still come.
                if there.len() < self.buf.len() && self.skip == 0 {
                    return None;
                }
                self.used = self.len;
                let first = core::mem::replace(&mut self.skip, 1) == 0;
                return first.then_some(Err(FrameError::TooLarge));
            };
            let start = self.used;
            self.used = start.wrapping_add(end).wrapping_add(1);
            if core::mem::take(&mut self.skip) > 0 || end == 0 {
                continue;
            }
            let found = serial::open(there.get_mut(..end)?);
            return Some(found.map(|len| start..start.wrapping_add(len)));
        }
    }
}
