//! Frames: how a message is told from the next one.
//!
//! - [`Framing::Stream`]: four bytes of length, little-endian, and the message. For what keeps its bytes in order
//!   and whole: Unix sockets, TCP.
//! - [`Framing::Serial`]: the message and its CRC-16 (IBM-SDLC, the one of HDLC), stuffed by COBS (Cheshire and
//!   Baker, 1999), and a zero byte at the end, so that a receiver that lost bytes finds the next frame. A frame
//!   begins after any zero: a sender may send one first to end whatever was on the line before.

use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// How messages are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// A length before each message.
    #[cfg(feature = "stream")]
    Stream,
    /// COBS with a CRC-16, and a zero at the end.
    #[cfg(feature = "serial")]
    Serial,
}

/// Why a frame was not made or not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The message, or the frame, does not fit into the buffer.
    TooLarge,
    /// The bytes are not a frame.
    NotAFrame,
    /// The frame was damaged on the way.
    Damaged,
    /// The message is of no kind that this side knows.
    Unknown,
    /// On a stream, a length that no message has: what follows cannot be understood any more.
    Lost,
}

impl FrameError {
    /// What was wrong.
    pub const fn as_str(self) -> &'static str {
        match self {
            FrameError::TooLarge => "the message is larger than the buffer",
            FrameError::NotAFrame => "the bytes are not a frame",
            FrameError::Damaged => "the frame was damaged on the way",
            FrameError::Unknown => "the message is of no kind that this side knows",
            FrameError::Lost => "the bytes are not a message of the link",
        }
    }

    /// As it is answered to the sender.
    pub(crate) fn refusal(self, max: usize) -> Refusal {
        match self {
            FrameError::TooLarge => Refusal::TooLarge(max as u32),
            FrameError::Damaged => Refusal::Damaged,
            FrameError::Unknown => Refusal::Unknown,
            FrameError::NotAFrame | FrameError::Lost => Refusal::Malformed,
        }
    }
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for FrameError {}

/// Bytes of a stream's length.
#[cfg(feature = "stream")]
const LEN: usize = 4;
/// A longer message on a stream is not skipped: the other side speaks another protocol.
#[cfg(feature = "stream")]
const MOST_SKIPPED: u32 = 1 << 26;
/// The byte between frames on a serial line.
#[cfg(feature = "serial")]
pub(crate) const END: u8 = 0;

impl Framing {
    /// The longest message whose frame fits into so many bytes.
    pub const fn max_message(self, frame: usize) -> usize {
        match self {
            #[cfg(feature = "stream")]
            Framing::Stream => frame.saturating_sub(LEN),
            // CRC, the first code, the end, and a code for each run.
            #[cfg(feature = "serial")]
            Framing::Serial => frame.saturating_sub(4).saturating_sub(frame / 254),
        }
    }
}

/// Writes a message as a frame; its length.
pub(crate) fn encode<T: Serialize>(
    framing: Framing,
    message: &T,
    to: &mut [u8],
) -> Result<usize, FrameError> {
    match framing {
        #[cfg(feature = "stream")]
        Framing::Stream => {
            let (head, body) = to.split_first_chunk_mut::<LEN>().ok_or(FrameError::TooLarge)?;
            let len = postcard::to_slice(message, body)
                .map_err(|_| FrameError::TooLarge)?
                .len();
            *head = (len as u32).to_le_bytes();
            Ok(len.wrapping_add(LEN))
        }
        #[cfg(feature = "serial")]
        Framing::Serial => {
            let stuffed = serial::Stuffed::new(&mut *to);
            let len = postcard::serialize_with_flavor(message, stuffed).map_err(|_| FrameError::TooLarge)?;
            serial::close(len, to)
        }
    }
}

/// Where the bytes of a message go, piece by piece.
#[cfg(any(test, feature = "remote", not(feature = "host")))]
pub(crate) enum Sink<'a> {
    #[cfg(feature = "stream")]
    Stream(&'a mut [u8], usize),
    #[cfg(feature = "serial")]
    Serial(serial::Stuffed<'a>),
}

#[cfg(any(test, feature = "remote", not(feature = "host")))]
impl Sink<'_> {
    /// Makes a frame of what `write` puts; its length.
    pub(crate) fn frame(
        framing: Framing,
        to: &mut [u8],
        write: impl FnOnce(&mut Sink<'_>) -> Result<(), FrameError>,
    ) -> Result<usize, FrameError> {
        let mut sink = match framing {
            #[cfg(feature = "stream")]
            Framing::Stream => Sink::Stream(&mut *to, LEN),
            #[cfg(feature = "serial")]
            Framing::Serial => Sink::Serial(serial::Stuffed::new(&mut *to)),
        };
        write(&mut sink)?;
        match sink {
            #[cfg(feature = "stream")]
            Sink::Stream(to, len) => {
                let head = to.first_chunk_mut::<LEN>().ok_or(FrameError::TooLarge)?;
                *head = (len.saturating_sub(LEN) as u32).to_le_bytes();
                Ok(len)
            }
            #[cfg(feature = "serial")]
            Sink::Serial(stuffed) => {
                let len =
                    postcard::ser_flavors::Flavor::finalize(stuffed).map_err(|_| FrameError::TooLarge)?;
                // Only now: the last code of a full run is written where the end goes.
                serial::close(len, to)
            }
        }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        match self {
            #[cfg(feature = "stream")]
            Sink::Stream(to, len) => {
                let end = len.saturating_add(bytes.len());
                to.get_mut(*len..end)
                    .ok_or(FrameError::TooLarge)?
                    .copy_from_slice(bytes);
                *len = end;
                Ok(())
            }
            #[cfg(feature = "serial")]
            Sink::Serial(stuffed) => {
                postcard::ser_flavors::Flavor::try_extend(stuffed, bytes).map_err(|_| FrameError::TooLarge)
            }
        }
    }
}

/// Writes an encoded message as a frame; its length.
#[cfg(feature = "remote")]
pub(crate) fn wrap(framing: Framing, message: &[u8], to: &mut [u8]) -> Result<usize, FrameError> {
    Sink::frame(framing, to, |sink| sink.put(message))
}

/// Reads the message of a frame.
pub(crate) fn decode<'a, T: Deserialize<'a>>(frame: &'a [u8]) -> Result<T, FrameError> {
    postcard::from_bytes(frame).map_err(|_| FrameError::Unknown)
}

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

#[cfg(feature = "serial")]
pub(crate) mod serial {
    use cobs::CobsEncoder;
    use crc::{CRC_16_IBM_SDLC, Crc, Digest};
    use postcard::ser_flavors::Flavor;

    use super::{END, FrameError};

    /// Sixteen bytes a step where 8 KiB of tables do not matter, else bit by bit.
    #[cfg(target_pointer_width = "64")]
    type How = crc::Table<16>;
    #[cfg(not(target_pointer_width = "64"))]
    type How = crc::NoTable;

    static CRC: Crc<u16, How> = Crc::<u16, How>::new(&CRC_16_IBM_SDLC);
    const CRC_BYTES: usize = 2;

    /// Takes the stuffing out of a frame without its end, in place, and checks it; the message's length.
    pub(super) fn open(frame: &mut [u8]) -> Result<usize, FrameError> {
        let len = cobs::decode_in_place(frame).map_err(|_| FrameError::NotAFrame)?;
        let bytes = frame.get(..len).ok_or(FrameError::NotAFrame)?;
        let (body, crc) = bytes
            .split_last_chunk::<CRC_BYTES>()
            .ok_or(FrameError::NotAFrame)?;
        if CRC.checksum(body).to_le_bytes() != *crc {
            return Err(FrameError::Damaged);
        }
        Ok(body.len())
    }

    /// A message on its way into a frame.
    pub(crate) struct Stuffed<'a> {
        encoder: CobsEncoder<'a>,
        digest: Digest<'static, u16, How>,
    }

    impl<'a> Stuffed<'a> {
        pub(super) fn new(to: &'a mut [u8]) -> Self {
            Stuffed {
                encoder: CobsEncoder::new(to),
                digest: CRC.digest(),
            }
        }
    }

    const FULL: postcard::Error = postcard::Error::SerializeBufferFull;

    impl Flavor for Stuffed<'_> {
        type Output = usize;

        fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
            self.try_extend(&[byte])
        }

        #[inline(never)]
        fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
            self.digest.update(data);
            self.encoder.push(data).map_err(|_| FULL)
        }

        /// The length without the end; behind the buffer when the last code did not fit.
        fn finalize(mut self) -> postcard::Result<usize> {
            let crc = self.digest.finalize().to_le_bytes();
            self.encoder.push(&crc).map_err(|_| FULL)?;
            Ok(self.encoder.finalize())
        }
    }

    /// Puts the end behind a frame; the length with it.
    pub(super) fn close(len: usize, to: &mut [u8]) -> Result<usize, FrameError> {
        *to.get_mut(len).ok_or(FrameError::TooLarge)? = END;
        Ok(len.wrapping_add(1))
    }
}
