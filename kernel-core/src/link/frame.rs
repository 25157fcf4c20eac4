//! Frames: a message in postcard, its CRC-16, COBS, and a zero byte at the end.
//!
//! COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999) leaves no zero inside a
//! frame, so that a receiver that lost bytes finds the next frame. The CRC (CRC-16/IBM-SDLC, the
//! one of HDLC) tells a damaged frame from a message. A frame begins after any zero, so that a
//! sender may send one first to end whatever was on the line before.

use crc::{CRC_16_IBM_SDLC, Crc, Table};
use serde::{Deserialize, Serialize};

/// Sixteen bytes a step where 8 KiB of tables do not matter, else one.
const STEP: usize = if cfg!(target_pointer_width = "64") { 16 } else { 1 };

static CRC: Crc<u16, Table<STEP>> = Crc::<u16, Table<STEP>>::new(&CRC_16_IBM_SDLC);
const CRC_BYTES: usize = 2;

/// The last bytes make one step together as well: one by one, each would wait for the one before it.
fn checksum(bytes: &[u8]) -> u16 {
    let (steps, rest) = bytes.as_chunks::<STEP>();
    let crc = steps
        .iter()
        .fold(CRC_16_IBM_SDLC.init, |crc, bytes| step(crc, bytes));
    step(crc, rest) ^ CRC_16_IBM_SDLC.xorout
}

/// What becomes of the register by up to [`STEP`] bytes: the part of each is in the table for its
/// distance from the end. The first two, which wait for the step before, come last.
#[inline(always)]
fn step(crc: u16, bytes: &[u8]) -> u16 {
    let [low, high] = crc.to_le_bytes();
    let (first, rest) = bytes.split_at(bytes.len().min(2));
    let mut tables = CRC.table().iter();
    let mut part = |byte: u8| {
        let table = tables.next();
        table
            .and_then(|table| table.get(byte as usize))
            .copied()
            .unwrap_or(0)
    };
    let sum = rest.iter().rev().fold(0, |sum, byte| sum ^ part(*byte));
    match *first {
        [first, second] => sum ^ part(high ^ second) ^ part(low ^ first),
        [only] => part(low ^ only) ^ high as u16,
        _ => crc,
    }
}

/// The byte between frames.
pub const END: u8 = 0;

/// How many bytes of a frame's buffer are not the message's: CRC, COBS and the end.
pub const fn overhead(frame: usize) -> usize {
    CRC_BYTES + 2 + frame / 254
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
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for FrameError {}

impl FrameError {
    /// What was wrong.
    pub const fn as_str(self) -> &'static str {
        match self {
            FrameError::TooLarge => "the message is larger than the buffer",
            FrameError::NotAFrame => "the bytes are not a frame",
            FrameError::Damaged => "the frame was damaged on the way",
            FrameError::Unknown => "the message is of no kind that this side knows",
        }
    }
}

/// Writes the message and its CRC into `to`; gives their length.
pub(crate) fn encode<T: Serialize>(message: &T, to: &mut [u8]) -> Result<usize, FrameError> {
    let len = postcard::to_slice(message, to)
        .map_err(|_| FrameError::TooLarge)?
        .len();
    let (body, rest) = to.split_at_mut_checked(len).ok_or(FrameError::TooLarge)?;
    let crc = checksum(body).to_le_bytes();
    rest.get_mut(..CRC_BYTES)
        .ok_or(FrameError::TooLarge)?
        .copy_from_slice(&crc);
    Ok(len.wrapping_add(CRC_BYTES))
}

/// The longest run without a zero that has one code.
const RUN: usize = 254;

/// Stuffs an encoded message into `to`, with the end; gives the frame's length.
pub(crate) fn stuff(encoded: &[u8], to: &mut [u8]) -> Result<usize, FrameError> {
    let (mut rest, mut len) = (encoded, 0usize);
    loop {
        let most = rest.get(..RUN).unwrap_or(rest);
        let (run, after) = rest.split_at(zero_in(most).unwrap_or(most.len()));
        let place = to.get_mut(len..).unwrap_or(&mut []);
        let (code, place) = place.split_first_mut().ok_or(FrameError::TooLarge)?;
        *code = (run.len() as u8).wrapping_add(1);
        place
            .get_mut(..run.len())
            .ok_or(FrameError::TooLarge)?
            .copy_from_slice(run);
        len = len.wrapping_add(run.len()).wrapping_add(1);
        rest = match after.split_first() {
            None => break,
            Some((_zero, behind)) if run.len() < RUN => behind,
            Some(_) => after,
        };
    }
    *to.get_mut(len).ok_or(FrameError::TooLarge)? = END;
    Ok(len.wrapping_add(1))
}

/// Takes the stuffing out of a frame, in place: what is left lies behind its first byte. Only behind a
/// full run a code stands for nothing, and the bytes move up.
fn unstuff(frame: &mut [u8]) -> Option<&mut [u8]> {
    let (mut at, mut gone) = (0usize, 0usize);
    let mut code = *frame.first()?;
    loop {
        let next = at.wrapping_add(code as usize);
        if code == 0 || next > frame.len() {
            return None;
        }
        if gone > 0 {
            frame.copy_within(at.wrapping_add(1)..next, at.wrapping_add(1).wrapping_sub(gone));
        }
        let full = code as usize > RUN;
        at = next;
        match frame.get(at) {
            None => break,
            Some(next) => code = *next,
        }
        if full {
            gone = gone.wrapping_add(1);
        } else {
            *frame.get_mut(at.wrapping_sub(gone))? = 0;
        }
    }
    let end = frame.len().wrapping_sub(gone);
    frame.get_mut(1..end)
}

/// Reads the message out of a frame without its end, in place.
pub(crate) fn decode<'a, T: Deserialize<'a>>(frame: &'a mut [u8]) -> Result<T, FrameError> {
    let encoded = unstuff(frame).ok_or(FrameError::NotAFrame)?;
    let (body, crc) = encoded.split_last_chunk().ok_or(FrameError::NotAFrame)?;
    if checksum(body).to_le_bytes() != *crc {
        return Err(FrameError::Damaged);
    }
    postcard::from_bytes(body).map_err(|_| FrameError::Unknown)
}

/// Where the first zero is: a word at a time.
fn zero_in(bytes: &[u8]) -> Option<usize> {
    const ONES: usize = usize::MAX / 0xFF;
    let (words, rest) = bytes.as_chunks();
    let mut before = 0usize;
    for word in words {
        let word = usize::from_le_bytes(*word);
        // The lowest bit that is left is the top one of the first byte that is zero.
        let zeros = word.wrapping_sub(ONES) & !word & ONES.wrapping_shl(7);
        if zeros != 0 {
            return Some(before.wrapping_add(zeros.trailing_zeros() as usize / 8));
        }
        before = before.wrapping_add(size_of::<usize>());
    }
    let at = rest.iter().position(|byte| *byte == 0)?;
    Some(before.wrapping_add(at))
}

/// Collects bytes into frames.
pub(crate) struct Inbox<'b> {
    buf: &'b mut [u8],
    /// Bytes in the buffer.
    len: usize,
    /// Bytes of it that are known to hold no end; an end that was found is the next one.
    seen: usize,
    /// Bytes at its beginning that were given out.
    used: usize,
    /// The frame was too long: bytes up to the next end are thrown away.
    skipping: bool,
}

impl<'b> Inbox<'b> {
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Inbox {
            buf,
            len: 0,
            seen: 0,
            used: 0,
            skipping: false,
        }
    }

    /// Where the next bytes go; say by [`Inbox::filled`] how many came.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.buf.copy_within(self.used.min(self.len)..self.len, 0);
        self.len = self.len.saturating_sub(self.used);
        self.seen = self.seen.saturating_sub(self.used);
        self.used = 0;
        self.buf.get_mut(self.len..).unwrap_or(&mut [])
    }

    pub(crate) fn filled(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.buf.len());
    }

    /// True when [`Inbox::next_frame`] gives something.
    pub(crate) fn has_frame(&mut self) -> bool {
        loop {
            let fresh = self.buf.get(self.seen..self.len).unwrap_or(&[]);
            let Some(end) = zero_in(fresh) else {
                self.seen = self.len;
                if self.used == 0 && self.len == self.buf.len() {
                    // Full without an end.
                    self.len = 0;
                    self.seen = 0;
                    self.skipping = true;
                }
                return false;
            };
            self.seen = self.seen.saturating_add(end);
            if self.seen > self.used || self.skipping {
                return true;
            }
            self.seen = self.seen.saturating_add(1);
            self.used = self.seen;
        }
    }

    /// The next frame, without its end; an error once for each one that was too long.
    pub(crate) fn next_frame(&mut self) -> Option<Result<&mut [u8], FrameError>> {
        if !self.has_frame() {
            return None;
        }
        let end = self.seen;
        let start = core::mem::replace(&mut self.used, end.saturating_add(1));
        self.seen = self.used;
        if core::mem::take(&mut self.skipping) {
            return Some(Err(FrameError::TooLarge));
        }
        self.buf.get_mut(start..end).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    use super::*;

    fn frames(stream: &[u8], chunk: usize, buf: usize) -> Vec<Result<Vec<u8>, FrameError>> {
        let mut memory = vec![0; buf];
        let mut inbox = Inbox::new(&mut memory);
        let mut found = Vec::new();
        for mut piece in stream.chunks(chunk) {
            while !piece.is_empty() {
                let room = inbox.room();
                let n = room.len().min(piece.len());
                room[..n].copy_from_slice(&piece[..n]);
                inbox.filled(n);
                piece = &piece[n..];
                while let Some(frame) = inbox.next_frame() {
                    found.push(frame.map(|frame| frame.to_vec()));
                }
            }
        }
        found
    }

    #[test]
    fn frames_come_whole_however_the_bytes_arrive() {
        let stream = b"\0\0abc\0de\0\0f\0";
        for chunk in 1..stream.len() {
            let found = frames(stream, chunk, 8);
            assert_eq!(
                found,
                [Ok(b"abc".to_vec()), Ok(b"de".to_vec()), Ok(b"f".to_vec())],
                "chunk {chunk}"
            );
        }
    }

    #[test]
    fn a_frame_too_long_is_told_once_and_the_next_one_comes() {
        for chunk in 1..40 {
            let found = frames(b"0123456789012345678901234\0ok\0", chunk, 8);
            assert_eq!(
                found,
                [Err(FrameError::TooLarge), Ok(b"ok".to_vec())],
                "chunk {chunk}"
            );
        }
    }

    #[test]
    fn a_stream_is_cut_at_its_zeros_and_nowhere_else() {
        let mut random = 5u64;
        let mut below = |most: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            (random >> 33) as usize % most
        };
        for round in 0..2_000 {
            let (buf, rarely) = (1 + below(40), 1 + below(30));
            let mut stream: Vec<u8> = (0..below(300)).map(|_| (below(rarely) > 0) as u8).collect();
            stream.push(END);
            let expected: Vec<_> = stream
                .split(|byte| *byte == END)
                .filter(|frame| !frame.is_empty())
                .map(|frame| match frame.len() < buf {
                    true => Ok(frame.to_vec()),
                    false => Err(FrameError::TooLarge),
                })
                .collect();
            assert_eq!(frames(&stream, 1 + below(50), buf), expected, "round {round}");
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_hdlc() {
        assert_eq!(checksum(b"123456789"), CRC_16_IBM_SDLC.check);
        let bytes: Vec<u8> = (0..200u8).map(|at| at.wrapping_mul(37)).collect();
        for len in 0..bytes.len() {
            assert_eq!(checksum(&bytes[..len]), CRC.checksum(&bytes[..len]), "len {len}");
        }
    }

    #[test]
    fn frames_are_those_of_cobs() {
        let mut random = 1u64;
        for round in 0..3000usize {
            let data: Vec<u8> = (0..round % 900)
                .map(|_| {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                    // Zeros lie close, or far apart.
                    let byte = (random >> 33) as u8;
                    if (random >> 41).is_multiple_of(1 << (round % 11)) {
                        0
                    } else {
                        byte | 1
                    }
                })
                .collect();
            if data.is_empty() {
                continue;
            }
            let mut theirs = vec![1; data.len() + overhead(data.len())];
            let len = cobs::try_encode(&data, &mut theirs).unwrap();
            let mut ours = vec![1; len + 1];
            assert_eq!(stuff(&data, &mut ours), Ok(len + 1));
            assert_eq!((&ours[..len], ours[len]), (&theirs[..len], END));
            assert_eq!(unstuff(&mut ours[..len]), Some(&mut data.clone()[..]));
            for short in [len, len / 2, 0] {
                assert_eq!(stuff(&data, &mut ours[..short]), Err(FrameError::TooLarge));
            }
        }
    }

    #[test]
    fn bytes_of_a_stranger_are_read_as_by_cobs_or_refused() {
        let mut random = 7u64;
        let mut below = |most: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            (random >> 33) as usize % most
        };
        for round in 0..20_000 {
            let len = below([4, 40, 1200][round % 3]);
            let mut frame: Vec<u8> = (0..len)
                .map(|_| match below(100) {
                    0 => 255,
                    1 => 254,
                    2..9 => below(255) as u8 + 1,
                    _ => below(3) as u8 + 1,
                })
                .collect();
            let mut theirs = vec![0; len];
            let read = cobs::decode(&frame, &mut theirs).ok();
            let ours = unstuff(&mut frame);
            assert_eq!(
                ours.as_deref(),
                read.and_then(|len| theirs.get(..len)),
                "round {round}"
            );
        }
    }

    #[test]
    fn a_zero_is_found_wherever_it_is() {
        for len in 0..40 {
            assert_eq!(zero_in(&vec![0x80; len]), None);
            for at in 0..len {
                for others in [1, 0x7F, 0x80, 0xFF] {
                    let mut bytes = vec![others; len];
                    bytes[at] = 0;
                    assert_eq!(zero_in(&bytes), Some(at));
                    bytes[at + 1..].fill(0);
                    assert_eq!(zero_in(&bytes), Some(at));
                }
            }
        }
    }

    #[test]
    fn every_damaged_byte_is_seen() {
        let mut body = [0; 64];
        let len = encode(&(7u32, "hello", [1u8, 0, 255]), &mut body).unwrap();
        let mut frame = [0; 80];
        let size = stuff(&body[..len], &mut frame).unwrap();
        let mut copy = frame;
        assert_eq!(
            decode::<(u32, &str, [u8; 3])>(&mut copy[..size - 1]),
            Ok((7, "hello", [1, 0, 255]))
        );
        for at in 0..size - 1 {
            for flip in 1..=255u8 {
                let mut copy = frame;
                copy[at] ^= flip;
                assert!(
                    decode::<(u32, &str, [u8; 3])>(&mut copy[..size - 1]).is_err(),
                    "byte {at} flip {flip}"
                );
            }
        }
    }

    #[test]
    fn lengths_around_the_edges_of_cobs_survive() {
        for len in 0..600usize {
            for fill in [0u8, 1, 255] {
                let data = vec![fill; len];
                let mut body = vec![0; len + 8];
                let size = encode(&super::super::raw::Raw(&data), &mut body).unwrap();
                let mut frame = vec![0; size + overhead(size) + 8];
                let size = stuff(&body[..size], &mut frame).unwrap();
                assert!(!frame[..size - 1].contains(&END));
                let back: super::super::raw::Raw<'_> = decode(&mut frame[..size - 1]).unwrap();
                assert_eq!(back.0, &data[..], "len {len} fill {fill}");
            }
        }
    }
}
