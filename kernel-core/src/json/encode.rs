//! The typed layer, outwards: serde-json-core's serializer, which panics on some values and writes others as what
//! is not JSON, or other JSON. So a value is first walked by a serializer that writes nothing and refuses these.

use core::fmt;

use serde::ser::{self, Serialize};

use super::{Json, MAX_DEPTH, check};

/// Why a value was not encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    TooSmall,
    /// JSON, or serde-json-core, has no such value: a `char`, bytes, a number of 128 bits, a variant that is a
    /// tuple, a map with keys that are not text, a field or variant whose name needs escapes, more than [`MAX_DEPTH`]
    /// levels; or its own `Serialize` or `Display` failed.
    Unsupported,
}

impl EncodeError {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooSmall => "the buffer is too small for the JSON text",
            Self::Unsupported => {
                "the value cannot be written as JSON: a char, bytes, a tuple variant, a map key that is no text or a name that needs escapes"
            }
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Unsupported
    }
}

impl From<EncodeError> for crate::error::Error {
    fn from(error: EncodeError) -> Self {
        crate::error::Error::new("encode", error.as_str())
    }
}

/// Encodes `value` in `buf`: compact, enum variants by name, numbers that are not finite as `null`.
///
/// # Errors
/// See [`EncodeError`]. After an error `buf` holds nothing of use.
///
/// The value is serialized twice, first to see what it is: its `Serialize` must do the same both times.
///
/// ```
/// use kernel_core::json::{EncodeError, to_json};
///
/// let mut buf = [0; 32];
/// assert_eq!(to_json(&("on", 80, None::<u8>), &mut buf)?.as_str(), r#"["on",80,null]"#);
/// assert_eq!(to_json(&'x', &mut buf), Err(EncodeError::Unsupported));
/// # Ok::<(), EncodeError>(())
/// ```
pub fn to_json<'b, T: Serialize + ?Sized>(value: &T, buf: &'b mut [u8]) -> Result<Json<'b>, EncodeError> {
    value.serialize(Walk { depth: 0, key: false })?;
    // By a reference to the reference, for it takes no value without a size, such as a `str`.
    let len = serde_json_core::to_slice(&value, buf).map_err(|_| EncodeError::TooSmall)?;
    let bytes = buf.get(..len).ok_or(EncodeError::TooSmall)?;
    check(bytes).map_err(|_| EncodeError::Unsupported)?;
    Ok(Json::trusted(bytes))
}

/// Walks a value and refuses what cannot be written.
#[derive(Clone, Copy)]
struct Walk {
    depth: u32,
    /// The value is a map's key.
    key: bool,
}

type Outcome = Result<(), EncodeError>;

impl Walk {
    fn plain(self) -> Outcome {
        if self.key {
            Err(EncodeError::Unsupported)
        } else {
            Ok(())
        }
    }

    fn deeper(self) -> Result<Self, EncodeError> {
        let depth = self.depth.wrapping_add(1);
        if self.key || depth > MAX_DEPTH {
            return Err(EncodeError::Unsupported);
        }
        Ok(Walk { depth, key: false })
    }
}

/// Field and variant names are written as they are, so that a quote in one would begin another member.
fn named(name: &str) -> Outcome {
    match name.bytes().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\')) {
        true => Err(EncodeError::Unsupported),
        false => Ok(()),
    }
}

macro_rules! plain {
    ($($method:ident $type:ty,)*) => {
        $(fn $method(self, _: $type) -> Outcome {
            self.plain()
        })*
    };
}

macro_rules! refused {
    ($($method:ident $type:ty,)*) => {
        $(fn $method(self, _: $type) -> Outcome {
            Err(EncodeError::Unsupported)
        })*
    };
}

impl ser::Serializer for Walk {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Walk;
    type SerializeTuple = Walk;
    type SerializeTupleStruct = Walk;
    type SerializeTupleVariant = ser::Impossible<(), EncodeError>;
    type SerializeMap = Walk;
    type SerializeStruct = Walk;
    type SerializeStructVariant = Walk;

    plain! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64,
    }

    refused! {
        serialize_char char, serialize_bytes &[u8], serialize_i128 i128, serialize_u128 u128,
    }

    fn serialize_str(self, _: &str) -> Outcome {
        Ok(())
    }

    fn serialize_none(self) -> Outcome {
        self.plain()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome {
        self.plain()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        self.plain()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Outcome {
        self.plain()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Outcome {
        // serde-json-core writes what has this name without looking at it.
        if name == "__serde_json_core_escaped_string__" {
            return Err(EncodeError::Unsupported);
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        named(variant)?;
        value.serialize(self.deeper()?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Walk, EncodeError> {
        self.deeper()
    }

    fn serialize_tuple(self, _: usize) -> Result<Walk, EncodeError> {
        self.deeper()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Walk, EncodeError> {
        self.deeper()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, EncodeError> {
        Err(EncodeError::Unsupported)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Walk, EncodeError> {
        self.deeper()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Walk, EncodeError> {
        self.deeper()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Walk, EncodeError> {
        named(variant)?;
        self.deeper()?.deeper()
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Outcome {
        struct Nowhere;

        impl fmt::Write for Nowhere {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Ok(())
            }
        }

        fmt::write(&mut Nowhere, format_args!("{value}")).map_err(|_| EncodeError::Unsupported)
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident,)*) => {
        $(impl ser::$trait for Walk {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
                value.serialize(*self)
            }

            fn end(self) -> Outcome {
                Ok(())
            }
        })*
    };
}

macro_rules! fields {
    ($($trait:ident)*) => {
        $(impl ser::$trait for Walk {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Outcome {
                named(name)?;
                value.serialize(*self)
            }

            fn end(self) -> Outcome {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Walk {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        key.serialize(Walk { key: true, ..*self })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        value.serialize(*self)
    }

    fn end(self) -> Outcome {
        Ok(())
    }
}
