//! A deserializer around another one, which lets a map's keys be nothing but text, and no number be infinite, and
//! knows where it is when a value is not of the wanted type. It reaches as deep as the value does: every visitor,
//! sequence, map and variant on the way is wrapped.

use core::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::mismatch::{Key, Mismatch, Note};

/// What is guarded: a deserializer, a visitor, an access, a seed.
pub(super) struct Guard<'n, T>(pub(super) T, pub(super) &'n Note);

/// The seed of a map's key.
struct KeySeed<'n, S>(S, &'n Note);

/// The deserializer of a map's key.
struct KeyOf<'n, D>(D, &'n Note);

/// The visitor of a map's key.
struct KeyVisitor<'n, V>(V, &'n Note);

/// The fields of an object, or the values of a list.
struct Within<'n, A> {
    access: A,
    note: &'n Note,
    key: Key,
    index: usize,
}

impl<'n, A> Within<'n, A> {
    fn new(access: A, note: &'n Note) -> Self {
        Within {
            access,
            note,
            key: Key::default(),
            index: 0,
        }
    }
}

const TEXT: &str = "text is wanted that fits the buffer for it";
const LIST: &str = "a list is wanted";
const TUPLE: &str = "a list of so many values is wanted";
const OBJECT: &str = "an object is wanted";
const NULL: &str = "null is wanted";
const VARIANT: &str = "one of the variants, of its type, is wanted";
const SELF_DESCRIBED: &str = "a type that takes anything cannot be decoded";
const BYTES: &str = "bytes cannot be decoded: take a list";

macro_rules! forward {
    ($($method:ident $wanted:expr,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.1.restore(self.0.$method(Guard(visitor, self.1)), $wanted)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<'_, D> {
    type Error = Mismatch;

    forward! {
        deserialize_any SELF_DESCRIBED, deserialize_ignored_any SELF_DESCRIBED,
        deserialize_bool "true or false is wanted",
        deserialize_i8 "an i8 is wanted", deserialize_i16 "an i16 is wanted", deserialize_i32 "an i32 is wanted",
        deserialize_i64 "an i64 is wanted", deserialize_i128 "an i128 is wanted",
        deserialize_u8 "a u8 is wanted", deserialize_u16 "a u16 is wanted", deserialize_u32 "a u32 is wanted",
        deserialize_u64 "a u64 is wanted", deserialize_u128 "a u128 is wanted",
        deserialize_f32 "a number is wanted", deserialize_f64 "a number is wanted",
        deserialize_char "text of one character is wanted",
        deserialize_str TEXT, deserialize_string TEXT, deserialize_identifier TEXT,
        deserialize_bytes BYTES, deserialize_byte_buf BYTES,
        deserialize_option NULL, deserialize_unit NULL, deserialize_seq LIST, deserialize_map OBJECT,
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_unit_struct(name, Guard(visitor, self.1));
        self.1.restore(result, NULL)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_newtype_struct(name, Guard(visitor, self.1));
        self.1.restore(result, "the value in it is wanted")
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_tuple(len, Guard(visitor, self.1));
        self.1.restore(result, TUPLE)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_tuple_struct(name, len, Guard(visitor, self.1));
        self.1.restore(result, TUPLE)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_struct(name, fields, Guard(visitor, self.1));
        self.1.restore(result, OBJECT)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.deserialize_enum(name, variants, Guard(visitor, self.1));
        self.1.restore(result, VARIANT)
    }
}

macro_rules! visit {
    ($($method:ident $type:ty,)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.1.keep(self.0.$method(value))
        })*
    };
}

/// Refuses what is out of a float's range, which is parsed as infinity.
fn finite(infinite: bool) -> Result<(), Mismatch> {
    match infinite {
        true => Err(Mismatch::custom("a number in range is wanted")),
        false => Ok(()),
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guard<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool bool, visit_i8 i8, visit_i16 i16, visit_i32 i32, visit_i64 i64, visit_i128 i128,
        visit_u8 u8, visit_u16 u16, visit_u32 u32, visit_u64 u64, visit_u128 u128,
        visit_char char, visit_str &str, visit_borrowed_str &'de str, visit_bytes &[u8],
        visit_borrowed_bytes &'de [u8],
    }

    fn visit_f32<E: Error>(self, value: f32) -> Result<V::Value, E> {
        self.1
            .keep(finite(value.is_infinite()).and_then(|()| self.0.visit_f32(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.1
            .keep(finite(value.is_infinite()).and_then(|()| self.0.visit_f64(value)))
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.1.keep(self.0.visit_none())
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.1.keep(self.0.visit_unit())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.1.keep(self.0.visit_some(Guard(deserializer, self.1)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.1
            .keep(self.0.visit_newtype_struct(Guard(deserializer, self.1)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.1.keep(self.0.visit_seq(Within::new(seq, self.1)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.1.keep(self.0.visit_map(Within::new(map, self.1)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.1.keep(self.0.visit_enum(Guard(data, self.1)))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guard<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.1.keep(self.0.deserialize(Guard(deserializer, self.1)))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Within<'_, A> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let index = self.index;
        self.index = index.wrapping_add(1);
        let result = self.access.next_element_seed(Guard(seed, self.note));
        self.note
            .restore(result, LIST)
            .map_err(|mismatch| mismatch.at(index))
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Within<'_, A> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let result = self.access.next_key_seed(KeySeed(seed, self.note));
        self.key = self.note.take_key();
        self.note.restore(result, OBJECT)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let result = self.access.next_value_seed(Guard(seed, self.note));
        self.note
            .restore(result, OBJECT)
            .map_err(|mismatch| mismatch.below(&self.key))
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

impl<'n, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Guard<'n, A> {
    type Error = Mismatch;
    type Variant = Guard<'n, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Mismatch> {
        let result = self.0.variant_seed(Guard(seed, self.1));
        let (value, variant) = self.1.restore(result, VARIANT)?;
        Ok((value, Guard(variant, self.1)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guard<'_, A> {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        self.1.restore(self.0.unit_variant(), VARIANT)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Mismatch> {
        let result = self.0.newtype_variant_seed(Guard(seed, self.1));
        self.1.restore(result, VARIANT)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Mismatch> {
        let result = self.0.tuple_variant(len, Guard(visitor, self.1));
        self.1.restore(result, VARIANT)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = self.0.struct_variant(fields, Guard(visitor, self.1));
        self.1.restore(result, VARIANT)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.1.keep(self.0.deserialize(KeyOf(deserializer, self.1)))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for KeyVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<V::Value, E> {
        self.1.read_key(key);
        self.1.keep(self.0.visit_str(key))
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<V::Value, E> {
        self.1.read_key(key);
        self.1.keep(self.0.visit_borrowed_str(key))
    }
}

macro_rules! text {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.1.restore(self.0.deserialize_str(KeyVisitor(visitor, self.1)), TEXT)
        })*
    };
}

fn refuse<T>() -> Result<T, Mismatch> {
    Err(Mismatch::invalid_type(
        Unexpected::Other("a key that is text"),
        &"a key of another type",
    ))
}

macro_rules! refuse {
    ($($method:ident ( $($argument:ty),* ))*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Mismatch> {
            refuse()
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for KeyOf<'_, D> {
    type Error = Mismatch;

    text! { deserialize_str deserialize_string deserialize_identifier deserialize_char deserialize_ignored_any }

    /// A type around the key, which asks again.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    refuse! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_seq() deserialize_map()
        deserialize_unit_struct(&'static str) deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize)
        deserialize_struct(&'static str, &'static [&'static str])
        deserialize_enum(&'static str, &'static [&'static str])
    }
}
