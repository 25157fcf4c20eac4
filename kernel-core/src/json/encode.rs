use core::error::Error;
use core::fmt;

use serde::ser::{self, Serialize};

use super::{Json, Writer};

/// Why a value was not encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    TooSmall,
    /// JSON has no such value, it nests too deep, or its own `Serialize` failed.
    Unsupported,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "the buffer is too small for the JSON text",
            Self::Unsupported => "the value cannot be written as JSON",
        })
    }
}

impl Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Unsupported
    }
}

/// Encodes `value` in `buf`, in the form that `serde_json` gives it: compact, enum variants by
/// name, map keys as strings, and numbers that are not finite as `null`.
///
/// Floats bring in the formatting machinery of `core`.
///
/// # Errors
///
/// [`EncodeError::TooSmall`] when `buf` is too small, and [`EncodeError::Unsupported`] for what
/// cannot be written: 128-bit numbers, map keys that are neither text nor whole numbers, and more
/// than [`MAX_DEPTH`](super::MAX_DEPTH) levels. After an error `buf` holds nothing of use.
///
/// ```
/// use kernel_core::json::to_json;
///
/// let mut buf = [0; 32];
/// assert_eq!(to_json(&("on", 21.5, 'й'), &mut buf)?.as_str(), r#"["on",21.5,"й"]"#);
/// # Ok::<(), kernel_core::json::EncodeError>(())
/// ```
pub fn to_json<'b, T: Serialize + ?Sized>(value: &T, buf: &'b mut [u8]) -> Result<Json<'b>, EncodeError> {
    let mut writer = Writer::new(buf);
    value.serialize(Encoder {
        writer: &mut writer,
        key: false,
    })?;
    done(&writer)?;
    writer.finish().ok_or(EncodeError::Unsupported)
}

struct Encoder<'w, 'b> {
    writer: &'w mut Writer<'b>,
    /// The value is a map key: text, or a whole number in quotes.
    key: bool,
}

impl<'w, 'b> Encoder<'w, 'b> {
    /// The writer, for a value that is not to be a key.
    fn value(self) -> Result<&'w mut Writer<'b>, EncodeError> {
        if self.key {
            Err(EncodeError::Unsupported)
        } else {
            Ok(self.writer)
        }
    }

    fn integer(self, negative: bool, number: u64) -> Result<(), EncodeError> {
        if self.key {
            self.writer.quoted_integer(negative, number);
        } else {
            self.writer.integer(negative, number);
        }
        done(self.writer)
    }

    fn float(self, finite: bool, number: fmt::Arguments<'_>) -> Result<(), EncodeError> {
        let writer = self.value()?;
        if finite {
            writer.number_display(number);
        } else {
            writer.raw(b"null");
        }
        done(writer)
    }

    fn compound(self, brackets: Brackets) -> Result<Compound<'w, 'b>, EncodeError> {
        let writer = self.value()?;
        writer.begin(match brackets {
            Brackets::Array => b'[',
            Brackets::Object => b'{',
        });
        Ok(Compound {
            writer,
            brackets,
            variant: false,
        })
    }

    fn variant(self, name: &str, brackets: Brackets) -> Result<Compound<'w, 'b>, EncodeError> {
        let writer = self.value()?;
        writer.begin_object().key(name);
        let inner = Encoder { writer, key: false };
        Ok(Compound {
            variant: true,
            ..inner.compound(brackets)?
        })
    }
}

/// Stops the encoding of a long value as soon as the buffer is full.
fn done(writer: &Writer<'_>) -> Result<(), EncodeError> {
    if writer.overflowed() {
        Err(EncodeError::TooSmall)
    } else {
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty, $negative:expr, $magnitude:expr;)*) => {$(
        fn $method(self, number: $type) -> Result<(), EncodeError> {
            self.integer($negative(number), $magnitude(number))
        }
    )*};
}

impl<'w, 'b> ser::Serializer for Encoder<'w, 'b> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'w, 'b>;
    type SerializeTuple = Compound<'w, 'b>;
    type SerializeTupleStruct = Compound<'w, 'b>;
    type SerializeTupleVariant = Compound<'w, 'b>;
    type SerializeMap = Compound<'w, 'b>;
    type SerializeStruct = Compound<'w, 'b>;
    type SerializeStructVariant = Compound<'w, 'b>;

    integers! {
        serialize_i8: i8, |n| n < 0, |n: i8| n.unsigned_abs().into();
        serialize_i16: i16, |n| n < 0, |n: i16| n.unsigned_abs().into();
        serialize_i32: i32, |n| n < 0, |n: i32| n.unsigned_abs().into();
        serialize_i64: i64, |n| n < 0, |n: i64| n.unsigned_abs();
        serialize_u8: u8, |_| false, u64::from;
        serialize_u16: u16, |_| false, u64::from;
        serialize_u32: u32, |_| false, u64::from;
        serialize_u64: u64, |_| false, |n| n;
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        done(self.value()?.bool(value))
    }

    fn serialize_f32(self, number: f32) -> Result<(), EncodeError> {
        self.float(number.is_finite(), format_args!("{number:?}"))
    }

    fn serialize_f64(self, number: f64) -> Result<(), EncodeError> {
        self.float(number.is_finite(), format_args!("{number:?}"))
    }

    fn serialize_char(self, char: char) -> Result<(), EncodeError> {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), EncodeError> {
        done(self.writer.string(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), EncodeError> {
        bytes.serialize(self)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        done(self.value()?.raw(b"null"))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let mut object = self.compound(Brackets::Object)?;
        object.field(variant, value)?;
        object.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w, 'b>, EncodeError> {
        self.compound(Brackets::Array)
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w, 'b>, EncodeError> {
        self.compound(Brackets::Array)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w, 'b>, EncodeError> {
        self.compound(Brackets::Array)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'b>, EncodeError> {
        self.variant(variant, Brackets::Array)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w, 'b>, EncodeError> {
        self.compound(Brackets::Object)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'w, 'b>, EncodeError> {
        self.compound(Brackets::Object)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'b>, EncodeError> {
        self.variant(variant, Brackets::Object)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, text: &T) -> Result<(), EncodeError> {
        done(self.writer.string_display(text))
    }
}

#[derive(Clone, Copy)]
enum Brackets {
    Array,
    Object,
}

/// An object or array that is open; for a variant, with the object around it.
struct Compound<'w, 'b> {
    writer: &'w mut Writer<'b>,
    brackets: Brackets,
    variant: bool,
}

impl Compound<'_, '_> {
    fn part<T: Serialize + ?Sized>(&mut self, value: &T, key: bool) -> Result<(), EncodeError> {
        value.serialize(Encoder {
            writer: self.writer,
            key,
        })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        self.writer.key(name);
        self.part(value, false)
    }

    fn close(self) -> Result<(), EncodeError> {
        self.writer.end(match self.brackets {
            Brackets::Array => b']',
            Brackets::Object => b'}',
        });
        if self.variant {
            self.writer.end_object();
        }
        done(self.writer)
    }
}

macro_rules! arrays {
    ($($trait:ident: $method:ident;)*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.part(value, false)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        }
    )*};
}

arrays! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! objects {
    ($($trait:ident;)*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        }
    )*};
}

objects! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.part(key, true)?;
        self.writer.colon();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.part(value, false)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}
