//! From a JSON text to a value of Rust, with serde.

mod containers;
mod reader;
mod scalars;
mod values;

use core::error::Error;
use core::fmt;

use serde::de::{self, Deserialize};

use reader::Decoder;
use scalars::resolve;

use super::Json;

/// The most bytes, without its escapes, of a string with escapes that [`Json::decode`] reads.
///
/// Strings without escapes have no limit of their own. [`Json::decode`] takes this much stack for
/// its buffer; [`Json::decode_with`] takes a buffer instead.
pub const SCRATCH: usize = 256;

/// Why a JSON text was not decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The text holds a value of another type than the one asked for.
    WrongType,
    /// The object has no field of this name.
    MissingField(&'static str),
    /// A number is out of range, or the name of a variant is unknown.
    OutOfRange,
    /// A string or list is longer, or shorter, than its type holds.
    WrongLength,
    /// The buffer is too small for a string that has escapes.
    BufferTooSmall,
    /// The type itself refused the value.
    Refused,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongType => "the JSON value is of another type",
            Self::MissingField(name) => return write!(f, "the JSON object has no field `{name}`"),
            Self::OutOfRange => "a number is out of range, or a name is unknown",
            Self::WrongLength => "a string or list does not have the length its type holds",
            Self::BufferTooSmall => "the buffer is too small for a string with escapes",
            Self::Refused => "the JSON value was refused by its type",
        })
    }
}

impl Error for DecodeError {}

// serde's own versions of these format a text that could not be kept.
impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::WrongType
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::OutOfRange
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::WrongLength
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::OutOfRange
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Refused
    }

    fn missing_field(name: &'static str) -> Self {
        Self::MissingField(name)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Refused
    }
}

impl<'a> Json<'a> {
    /// Decodes the value with serde.
    ///
    /// Strings arrive with their escapes resolved. One without escapes can be borrowed (`&str`). One
    /// with escapes can be at most [`SCRATCH`] bytes long and needs a type that copies it, such as
    /// `heapless::String<N>`; for a `&str` it is [`DecodeError::WrongType`]. So a `&str` field suits
    /// identifiers, not text that people write.
    ///
    /// Floats, and types that ask serde what comes (`deserialize_any`), bring in the float parser
    /// of `core`.
    ///
    /// # Errors
    ///
    /// See [`DecodeError`].
    ///
    /// ```
    /// use kernel_core::json::{DecodeError, Json};
    ///
    /// let greeting: heapless::String<32> = Json::parse(r#""\u041c\u0438\u0440 \ud83d\ude00""#)?.decode()?;
    /// assert_eq!(greeting, "Мир 😀");
    /// assert_eq!(Json::parse("300")?.decode::<u8>(), Err(DecodeError::OutOfRange));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode<T: Deserialize<'a>>(self) -> Result<T, DecodeError> {
        self.decode_with(&mut [0; SCRATCH])
    }

    /// As [`decode`](Json::decode), with a buffer of the caller's choice that holds each string
    /// with escapes for a moment: it limits their length in place of [`SCRATCH`].
    ///
    /// # Errors
    ///
    /// See [`DecodeError`].
    pub fn decode_with<T: Deserialize<'a>>(self, scratch: &mut [u8]) -> Result<T, DecodeError> {
        let mut decoder = Decoder {
            rest: self.as_bytes(),
            scratch,
        };
        let value = T::deserialize(&mut decoder)?;
        match decoder.peek() {
            None => Ok(value),
            Some(_) => Err(DecodeError::WrongType),
        }
    }

    /// Decodes a string into `buf`, its escapes resolved.
    ///
    /// # Errors
    ///
    /// [`DecodeError::WrongType`] if the value is not a string, and
    /// [`DecodeError::BufferTooSmall`]; a buffer of [`len`](Json::len) bytes always suffices.
    ///
    /// ```
    /// use kernel_core::json::Json;
    ///
    /// let mut buf = [0; 32];
    /// let text = Json::parse(r#""say \"\u0434\u0430\"""#)?.str_value(&mut buf)?;
    /// assert_eq!(text, "say \"да\"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn str_value(self, buf: &mut [u8]) -> Result<&str, DecodeError> {
        let mut decoder = Decoder {
            rest: self.as_bytes(),
            scratch: &mut [],
        };
        let (raw, _) = decoder.string()?;
        resolve(raw, buf)
    }
}
