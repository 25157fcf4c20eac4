use core::error::Error;
use core::fmt;
use core::str::FromStr;

use serde::de::{self, Deserialize, Visitor};

use super::{Json, unescape};

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

/// Reads a text that was checked: it tells types apart, and errors only so as not to panic on a
/// text that was not.
struct Decoder<'de, 's> {
    rest: &'de [u8],
    scratch: &'s mut [u8],
}

impl<'de> Decoder<'de, '_> {
    /// The first byte of what comes next.
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = self.rest {
            self.rest = after;
        }
        self.rest.first().copied()
    }

    /// Takes `byte` if it comes next.
    fn accept(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        if let [_, after @ ..] = self.rest {
            self.rest = after;
        }
        true
    }

    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(DecodeError::WrongType)
        }
    }

    /// Takes a number or one of the three words; nothing, if something else comes.
    fn scalar(&mut self) -> &'de [u8] {
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
    fn string(&mut self) -> Result<(&'de [u8], bool), DecodeError> {
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
    fn skip(&mut self) -> Result<(), DecodeError> {
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
    fn integer_key(&mut self) -> Result<(bool, u64), DecodeError> {
        let (digits, _) = self.string()?;
        integer(digits)
    }
}

/// The sign and the magnitude of a whole number that fits a `u64` or an `i64`.
fn integer(text: &[u8]) -> Result<(bool, u64), DecodeError> {
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

fn visit_integer<'de, V: Visitor<'de>>(
    (negative, number): (bool, u64),
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if negative {
        visitor.visit_i64(0i64.wrapping_sub_unsigned(number))
    } else {
        visitor.visit_u64(number)
    }
}

fn float<F: FromStr + Copy + Into<f64>>(text: &[u8]) -> Result<F, DecodeError> {
    let number: F = utf8(text)?.parse().map_err(|_| DecodeError::WrongType)?;
    if number.into().is_infinite() {
        return Err(DecodeError::OutOfRange);
    }
    Ok(number)
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|_| DecodeError::WrongType)
}

/// Copies what is between the quotes of a string to `buf`, its escapes resolved.
fn resolve<'b>(raw: &[u8], buf: &'b mut [u8]) -> Result<&'b str, DecodeError> {
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

macro_rules! integers {
    ($take:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visit_integer(self.$take()?, visitor)
        }
    )*};
}

macro_rules! same_as {
    ($target:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.$target(visitor)
        }
    )*};
}

impl Decoder<'_, '_> {
    fn integer(&mut self) -> Result<(bool, u64), DecodeError> {
        integer(self.scalar())
    }

    fn float<F: FromStr + Copy + Into<f64>>(&mut self) -> Result<F, DecodeError> {
        match self.scalar() {
            // What a number that is not finite is encoded as.
            b"null" => float(b"NaN"),
            text => float(text),
        }
    }
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de, '_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.peek() {
            Some(b'"') => self.deserialize_str(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'n') => self.deserialize_unit(visitor),
            _ => {
                let text = self.scalar();
                match integer(text) {
                    Ok(integer) => visit_integer(integer, visitor),
                    Err(_) => visitor.visit_f64(float(text)?),
                }
            }
        }
    }

    integers! { integer:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    same_as! { deserialize_str: deserialize_char deserialize_string deserialize_identifier }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.scalar() {
            b"true" => visitor.visit_bool(true),
            b"false" => visitor.visit_bool(false),
            _ => Err(DecodeError::WrongType),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_f32(self.float()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.string()? {
            (raw, false) => visitor.visit_borrowed_str(utf8(raw)?),
            (raw, true) => visitor.visit_str(resolve(raw, self.scratch)?),
        }
    }

    /// Bytes are a list of numbers, see [`to_json`](super::to_json).
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.peek() == Some(b'n') {
            self.scalar();
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.scalar() {
            b"null" => visitor.visit_unit(),
            _ => Err(DecodeError::WrongType),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.expect(b'[')?;
        let value = visitor.visit_seq(Parts::of(self))?;
        // What is left was not wanted: the type holds fewer.
        if self.accept(b']') {
            Ok(value)
        } else {
            Err(DecodeError::WrongLength)
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.expect(b'{')?;
        let value = visitor.visit_map(Parts::of(self))?;
        if self.accept(b'}') {
            Ok(value)
        } else {
            Err(DecodeError::WrongLength)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if !self.accept(b'{') {
            return visitor.visit_enum(Variant {
                decoder: self,
                content: false,
            });
        }
        let value = visitor.visit_enum(Variant {
            decoder: self,
            content: true,
        })?;
        self.expect(b'}')?;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// The elements of an array, or the fields of an object.
struct Parts<'a, 'de, 's> {
    decoder: &'a mut Decoder<'de, 's>,
    first: bool,
}

impl<'a, 'de, 's> Parts<'a, 'de, 's> {
    fn of(decoder: &'a mut Decoder<'de, 's>) -> Self {
        Self { decoder, first: true }
    }

    /// Whether there is another one, up to the closing bracket.
    fn more(&mut self) -> bool {
        let first = core::mem::take(&mut self.first);
        match self.decoder.peek() {
            None | Some(b']' | b'}') => false,
            _ => first || self.decoder.accept(b','),
        }
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de, '_> {
    type Error = DecodeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.more() {
            seed.deserialize(&mut *self.decoder).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, 'de, '_> {
    type Error = DecodeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if self.more() {
            seed.deserialize(Key(self.decoder)).map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        self.decoder.expect(b':')?;
        seed.deserialize(&mut *self.decoder)
    }
}

/// The name of a field: a string, that may stand for a number.
struct Key<'a, 'de, 's>(&'a mut Decoder<'de, 's>);

impl Key<'_, '_, '_> {
    fn integer(self) -> Result<(bool, u64), DecodeError> {
        self.0.integer_key()
    }
}

impl<'de> de::Deserializer<'de> for Key<'_, 'de, '_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.deserialize_str(visitor)
    }

    integers! { integer:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.0.string()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// A variant: its name alone, or its name and content in an object.
struct Variant<'a, 'de, 's> {
    decoder: &'a mut Decoder<'de, 's>,
    content: bool,
}

impl<'a, 'de, 's> Variant<'a, 'de, 's> {
    fn content(self) -> Result<&'a mut Decoder<'de, 's>, DecodeError> {
        if self.content {
            Ok(self.decoder)
        } else {
            Err(DecodeError::WrongType)
        }
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de, '_> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let name = seed.deserialize(&mut *self.decoder)?;
        if self.content {
            self.decoder.expect(b':')?;
        }
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de, '_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        if self.content {
            Deserialize::deserialize(self.decoder)
        } else {
            Ok(())
        }
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        de::Deserializer::deserialize_seq(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        de::Deserializer::deserialize_map(self.content()?, visitor)
    }
}
