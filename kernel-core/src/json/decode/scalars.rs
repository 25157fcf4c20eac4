//! What the bytes of a number or a string stand for.

use core::str::FromStr;

use serde::de::Visitor;

use super::DecodeError;
use crate::json::escape::unescape;

/// The sign and the magnitude of a whole number that fits a `u64` or an `i64`.
pub(super) fn integer(text: &[u8]) -> Result<(bool, u64), DecodeError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(DecodeError::WrongType);
    }
    let mut number: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(DecodeError::WrongType);
        }
        // Not `checked_mul`: on a 32-bit processor that is a large library function.
        if number > u64::MAX / 10 {
            return Err(DecodeError::OutOfRange);
        }
        number = number
            .wrapping_mul(10)
            .checked_add(digit.into())
            .ok_or(DecodeError::OutOfRange)?;
    }
    if negative && number > i64::MIN.unsigned_abs() {
        return Err(DecodeError::OutOfRange);
    }
    Ok((negative, number))
}

pub(super) fn visit_integer<'de, V: Visitor<'de>>(
    (negative, number): (bool, u64),
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if negative {
        visitor.visit_i64(0i64.wrapping_sub_unsigned(number))
    } else {
        visitor.visit_u64(number)
    }
}

macro_rules! integers {
    ($take:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visit_integer(self.$take()?, visitor)
        }
    )*};
}

pub(super) use integers;

pub(super) fn float<F: FromStr + Copy + Into<f64>>(text: &[u8]) -> Result<F, DecodeError> {
    let number: F = utf8(text)?.parse().map_err(|_| DecodeError::WrongType)?;
    if number.into().is_infinite() {
        return Err(DecodeError::OutOfRange);
    }
    Ok(number)
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|_| DecodeError::WrongType)
}

/// Copies what is between the quotes of a string to `buf`, its escapes resolved.
pub(super) fn resolve<'b>(raw: &[u8], buf: &'b mut [u8]) -> Result<&'b str, DecodeError> {
    let mut rest = raw;
    let mut len: usize = 0;
    let mut put = |bytes: &[u8]| {
        let room = buf
            .get_mut(len..)
            .and_then(|free| free.get_mut(..bytes.len()))
            .ok_or(DecodeError::BufferTooSmall)?;
        room.copy_from_slice(bytes);
        len = len.wrapping_add(bytes.len());
        Ok(())
    };
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(plain).unwrap_or_default();
        put(run)?;
        rest = after;
        if !rest.is_empty() {
            let (char, after) = unescape(rest).ok_or(DecodeError::WrongType)?;
            put(char.encode_utf8(&mut [0; 4]).as_bytes())?;
            rest = after;
        }
    }
    utf8(buf.get(..len).unwrap_or_default())
}
