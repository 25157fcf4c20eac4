//! What is inside arrays, objects and variants.

use serde::de::{self, Deserialize, Visitor};

use super::DecodeError;
use super::reader::Decoder;
use super::scalars::{integers, visit_integer};

/// The elements of an array, or the fields of an object.
pub(super) struct Parts<'a, 'de, 's> {
    decoder: &'a mut Decoder<'de, 's>,
    first: bool,
}

impl<'a, 'de, 's> Parts<'a, 'de, 's> {
    pub(super) fn of(decoder: &'a mut Decoder<'de, 's>) -> Self {
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
pub(super) struct Variant<'a, 'de, 's> {
    pub(super) decoder: &'a mut Decoder<'de, 's>,
    pub(super) content: bool,
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
