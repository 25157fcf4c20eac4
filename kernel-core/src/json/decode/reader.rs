//! A checked text, taken piece by piece.

use core::str::FromStr;

use super::DecodeError;
use super::scalars;

/// Reads a text that was checked: it tells types apart, and errors only so as not to panic on a
/// text that was not.
pub(super) struct Decoder<'de, 's> {
    pub(super) rest: &'de [u8],
    pub(super) scratch: &'s mut [u8],
}

impl<'de> Decoder<'de, '_> {
    /// The first byte of what comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = self.rest {
            self.rest = after;
        }
        self.rest.first().copied()
    }

    /// Takes `byte` if it comes next.
    pub(super) fn accept(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        if let [_, after @ ..] = self.rest {
            self.rest = after;
        }
        true
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(DecodeError::WrongType)
        }
    }

    /// Takes a number or one of the three words; nothing, if something else comes.
    pub(super) fn scalar(&mut self) -> &'de [u8] {
        self.peek();
        let len = self
            .rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.'))
            .unwrap_or(self.rest.len());
        let (scalar, after) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = after;
        scalar
    }

    /// Takes a string: what is between its quotes, and whether that has escapes.
    pub(super) fn string(&mut self) -> Result<(&'de [u8], bool), DecodeError> {
        self.expect(b'"')?;
        let text = self.rest;
        let mut escapes = false;
        loop {
            self.rest = match self.rest {
                [b'"', after @ ..] => {
                    let len = text.len().wrapping_sub(self.rest.len());
                    self.rest = after;
                    return Ok((text.get(..len).unwrap_or_default(), escapes));
                }
                [b'\\', _, after @ ..] => {
                    escapes = true;
                    after
                }
                [_, after @ ..] => after,
                [] => return Err(DecodeError::WrongType),
            };
        }
    }

    /// Takes a value of any type.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut depth = 0u32;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    self.accept(bracket);
                    depth = depth.wrapping_add(1);
                }
                Some(bracket @ (b'}' | b']')) => {
                    self.accept(bracket);
                    depth = depth.checked_sub(1).ok_or(DecodeError::WrongType)?;
                }
                Some(b',' | b':') if depth > 0 => {
                    self.accept(b',');
                    self.accept(b':');
                    continue;
                }
                _ => {
                    if self.scalar().is_empty() {
                        return Err(DecodeError::WrongType);
                    }
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Takes a map key that stands for a number.
    pub(super) fn integer_key(&mut self) -> Result<(bool, u64), DecodeError> {
        let (digits, _) = self.string()?;
        scalars::integer(digits)
    }

    pub(super) fn integer(&mut self) -> Result<(bool, u64), DecodeError> {
        scalars::integer(self.scalar())
    }

    pub(super) fn float<F: FromStr + Copy + Into<f64>>(&mut self) -> Result<F, DecodeError> {
        match self.scalar() {
            // What a number that is not finite is encoded as.
            b"null" => scalars::float(b"NaN"),
            text => scalars::float(text),
        }
    }
}
