//! The typed layer, inwards: serde-json-core's deserializer, behind a guard, for it panics when a map's keys are asked
//! for as anything but `str`, and makes infinity of a number that is too large; and with surrogate pairs written out
//! before, which it does not read.

use core::fmt;

use serde::de::{Deserialize, Error as _};

use super::Json;
use super::escape::unescape;
use super::guard::Guard;
use super::mismatch::{Mismatch, Note};

/// Why a value was not decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value, or one in it, is of another type than is wanted.
    Type(Mismatch),
    /// The buffer is too small for the text with its surrogate pairs written out.
    TooSmall,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(error) => write!(f, "the JSON value does not fit: {error}"),
            Self::TooSmall => f.write_str("the buffer is too small to decode the JSON value"),
        }
    }
}

impl core::error::Error for DecodeError {}

impl From<DecodeError> for crate::error::Error {
    fn from(error: DecodeError) -> Self {
        #[cfg(feature = "messages")]
        return crate::error::Error::format(crate::error::INVALID_ARGUMENT, format_args!("{error}"));
        #[cfg(not(feature = "messages"))]
        {
            let _ = error;
            crate::error::Error::new(crate::error::INVALID_ARGUMENT, "another type")
        }
    }
}

impl<'a> Json<'a> {
    /// Decodes the value with serde, by serde-json-core. Refused are types that ask what comes (`deserialize_any`),
    /// bytes, maps with keys that are not text, integers written with a fraction or exponent, and numbers out of range.
    /// `null` is NaN for a float.
    ///
    /// A string with escapes is decoded in `scratch`, and needs a type that copies it, such as
    /// `heapless::String<N>`. A text with escaped surrogate pairs, which other languages write for every emoji, takes
    /// as many bytes of `scratch` again.
    ///
    /// # Errors
    /// See [`DecodeError`].
    ///
    /// ```
    /// use kernel_core::json_literal;
    ///
    /// let mut scratch = [0; 64];
    /// let text: heapless::String<32> = json_literal!(r#""\u041c\u0438\u0440 \ud83d\ude00""#).decode(&mut scratch)?;
    /// assert_eq!(text, "Мир 😀");
    /// assert!(json_literal!("300").decode::<u8>(&mut scratch).is_err());
    /// # Ok::<(), kernel_core::json::DecodeError>(())
    /// ```
    pub fn decode<T: Deserialize<'a>>(self, scratch: &'a mut [u8]) -> Result<T, DecodeError> {
        let (text, scratch) = match has_pair(self.as_bytes()) {
            false => (self.as_bytes(), scratch),
            true => {
                let (text, scratch) = scratch
                    .split_at_mut_checked(self.len())
                    .ok_or(DecodeError::TooSmall)?;
                let len = write_pairs_out(self.as_bytes(), text).ok_or(DecodeError::TooSmall)?;
                let text: &[u8] = text;
                (text.get(..len).unwrap_or(&[]), scratch)
            }
        };
        let mut decoder = serde_json_core::de::Deserializer::new(text, Some(scratch));
        let value = T::deserialize(Guard(&mut decoder, &Note::default())).map_err(DecodeError::Type)?;
        // What is left of a checked text is the fraction or exponent of a number that was asked for as an integer.
        match decoder.end() {
            Ok(_) => Ok(value),
            Err(_) => Err(DecodeError::Type(Mismatch::custom("an integer is wanted"))),
        }
    }
}

/// True when a string has an escaped surrogate pair.
fn has_pair(text: &[u8]) -> bool {
    // Every `\\` is an escape of its own, so that `u` after it is only text: one too many is no harm.
    text.windows(4).any(|piece| {
        matches!(
            piece,
            [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'A' | b'b' | b'B']
        )
    })
}

/// Copies the text with its surrogate pairs as characters: its length, which is never more.
fn write_pairs_out(text: &[u8], to: &mut [u8]) -> Option<usize> {
    let (mut len, mut rest) = (0usize, text);
    while let [byte, after @ ..] = rest {
        let mut utf8 = [0; 4];
        let (piece, next) = match unescape(rest) {
            Some((char, after)) if char > '\u{ffff}' => (char.encode_utf8(&mut utf8).as_bytes(), after),
            Some((_, after)) => rest.split_at_checked(rest.len().wrapping_sub(after.len()))?,
            None => (core::slice::from_ref(byte), after),
        };
        let end = len.wrapping_add(piece.len());
        to.get_mut(len..end)?.copy_from_slice(piece);
        len = end;
        rest = next;
    }
    Some(len)
}
