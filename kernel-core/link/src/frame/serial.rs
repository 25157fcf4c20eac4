//! Frames of a serial line: COBS with a CRC-16.

use cobs::CobsEncoder;
use crc::{CRC_16_IBM_SDLC, Crc, Digest};
use postcard::ser_flavors::Flavor;

use crate::frame::{END, FrameError};

/// Sixteen bytes a step where 8 KiB of tables do not matter, else bit by bit.
#[cfg(target_pointer_width = "64")]
type How = crc::Table<16>;
#[cfg(not(target_pointer_width = "64"))]
type How = crc::NoTable;

static CRC: Crc<u16, How> = Crc::<u16, How>::new(&CRC_16_IBM_SDLC);
const CRC_BYTES: usize = 2;

/// Takes the stuffing out of a frame without its end, in place, and checks it; the message's length.
pub(crate) fn open(frame: &mut [u8]) -> Result<usize, FrameError> {
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
    pub(crate) fn new(to: &'a mut [u8]) -> Self {
        Stuffed {
            encoder: CobsEncoder::new(to),
            digest: CRC.digest(),
        }
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        self.digest.update(bytes);
        self.encoder.push(bytes).map_err(|_| FrameError::TooLarge)
    }

    /// The length without the end; behind the buffer when the last code did not fit.
    pub(crate) fn end(mut self) -> Result<usize, FrameError> {
        let crc = self.digest.finalize().to_le_bytes();
        self.encoder.push(&crc).map_err(|_| FrameError::TooLarge)?;
        Ok(self.encoder.finalize())
    }
}

const FULL: postcard::Error = postcard::Error::SerializeBufferFull;

impl Flavor for Stuffed<'_> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.put(data).map_err(|_| FULL)
    }

    fn finalize(self) -> postcard::Result<usize> {
        self.end().map_err(|_| FULL)
    }
}

/// Puts the end behind a frame; the length with it.
pub(crate) fn close(len: usize, to: &mut [u8]) -> Result<usize, FrameError> {
    *to.get_mut(len).ok_or(FrameError::TooLarge)? = END;
    Ok(len.wrapping_add(1))
}
