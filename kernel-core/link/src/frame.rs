//! Frames: how a message is told from the next one.
//!
//! - [`Framing::Stream`]: four bytes of length, little-endian, and the message. For what keeps its bytes in order
//!   and whole: Unix sockets, TCP.
//! - [`Framing::Serial`]: the message and its CRC-16 (IBM-SDLC, the one of HDLC), stuffed by COBS (Cheshire and
//!   Baker, 1999), and a zero byte at the end, so that a receiver that lost bytes finds the next frame. A frame
//!   begins after any zero: a sender may send one first to end whatever was on the line before.

#[cfg(feature = "serial")]
pub(crate) mod serial;

use serde::{Deserialize, Serialize};

use crate::{Refusal, ToRuntime};

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
pub(crate) const LEN: usize = 4;
/// A longer message on a stream is not skipped: the other side speaks another protocol.
#[cfg(feature = "stream")]
pub(crate) const MOST_SKIPPED: u32 = 1 << 26;
/// The byte between frames on a serial line.
#[cfg(feature = "serial")]
pub(crate) const END: u8 = 0;

impl Framing {
    /// Writes a message as a frame, for a client that queues what it sends; its length.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] when it does not fit.
    pub fn encode(self, message: &ToRuntime<'_>, to: &mut [u8]) -> Result<usize, FrameError> {
        encode(self, message, to)
    }

    /// The longest message whose frame fits into so many bytes.
    pub const fn max_message(self, frame: usize) -> usize {
        match self {
            #[cfg(feature = "stream")]
            Framing::Stream => frame.saturating_sub(LEN),
            // CRC, the first code, the end, and a code for each run of 254, reckoned a little too high without a division
            // that a chip does not have.
            #[cfg(feature = "serial")]
            Framing::Serial => {
                let codes = (frame / 256).saturating_add(frame / 16_384);
                frame.saturating_sub(5).saturating_sub(codes)
            }
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

/// A frame that is being written, piece by piece.
#[cfg(any(test, feature = "remote", not(feature = "host")))]
pub(crate) enum Sink<'a> {
    #[cfg(feature = "stream")]
    Stream(&'a mut [u8], usize),
    #[cfg(feature = "serial")]
    Serial(serial::Stuffed<'a>),
}

#[cfg(any(test, feature = "remote", not(feature = "host")))]
impl<'a> Sink<'a> {
    pub(crate) fn new(framing: Framing, to: &'a mut [u8]) -> Self {
        match framing {
            #[cfg(feature = "stream")]
            Framing::Stream => Sink::Stream(to, LEN),
            #[cfg(feature = "serial")]
            Framing::Serial => Sink::Serial(serial::Stuffed::new(to)),
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
            Sink::Serial(stuffed) => stuffed.put(bytes),
        }
    }

    /// The bytes so far: the frame is then to be closed.
    pub(crate) fn end(self) -> Result<usize, FrameError> {
        match self {
            #[cfg(feature = "stream")]
            Sink::Stream(_, len) => Ok(len),
            #[cfg(feature = "serial")]
            Sink::Serial(stuffed) => stuffed.end(),
        }
    }
}

/// Closes a frame of so many bytes; its length.
#[cfg(any(test, feature = "remote", not(feature = "host")))]
pub(crate) fn close(framing: Framing, len: usize, to: &mut [u8]) -> Result<usize, FrameError> {
    match framing {
        #[cfg(feature = "stream")]
        Framing::Stream => {
            let head = to.first_chunk_mut::<LEN>().ok_or(FrameError::TooLarge)?;
            *head = (len.saturating_sub(LEN) as u32).to_le_bytes();
            Ok(len)
        }
        // Only now: the last code of a full run is written where the end goes.
        #[cfg(feature = "serial")]
        Framing::Serial => serial::close(len, to),
    }
}

/// Writes an encoded message as a frame; its length.
#[cfg(feature = "remote")]
pub(crate) fn wrap(framing: Framing, message: &[u8], to: &mut [u8]) -> Result<usize, FrameError> {
    let mut sink = Sink::new(framing, &mut *to);
    sink.put(message)?;
    let len = sink.end()?;
    close(framing, len, to)
}

/// Reads the message of a frame.
pub(crate) fn decode<'a, T: Deserialize<'a>>(frame: &'a [u8]) -> Result<T, FrameError> {
    postcard::from_bytes(frame).map_err(|_| FrameError::Unknown)
}
