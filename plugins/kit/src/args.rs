//! Arguments that are values of any kind, by name and by place.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::ops::Deref;

use kernel_core::{Error, Json};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// What a service takes that is called with arguments by name and by place; a struct whose fields are what
/// [`Args`] decodes.
pub trait Arguments: DeserializeOwned {
    /// The names of those arguments that may be passed by their place, in order.
    const NAMES: &'static [&'static str] = &[];

    /// Other names of arguments, for those who pass them in `kwargs`: each with the name that is meant.
    const ALIASES: &'static [(&'static str, &'static str)] = &[];
}

/// The arguments of a service, in any of the forms in which it may be called:
///
/// | JSON | means |
/// |---|---|
/// | an object | arguments by name |
/// | an object with exactly `args`, an array, and `kwargs`, an object | arguments by place, and by name, as plugins in Python pass them |
/// | `null` | no arguments |
/// | anything else | the first argument by place |
///
/// Unlike arguments without `Args` they are decoded by `serde_json`: they may hold a [`serde_json::Value`], and use all
/// that serde's derive has. An event's payload may be taken so as well. It needs the feature `alloc`.
///
/// ```
/// use plugin_kit::prelude::*;
/// use plugin_kit::{Args, Arguments};
/// use serde_json::{Map, Value};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Set {
///     id: String,
///     state: Map<String, Value>,
/// }
///
/// impl Arguments for Set {
///     const NAMES: &'static [&'static str] = &["id", "state"];
/// }
///
/// #[derive(Default)]
/// struct Lamps;
///
/// #[plugin(name = "lamps")]
/// impl Lamps {
///     #[service(".set")]
///     fn set(&mut self, set: Args<Set>) -> Result<u32, Error> {
///         log::info!("{} has {} fields", set.id, set.state.len());
///         Ok(set.state.len() as u32)
///     }
/// }
///
/// # #[cfg(feature = "test")] {
/// # use serde_json::json;
/// let mut rt = plugin_kit::test::TestRuntime::new();
/// rt.add::<Lamps>(());
/// rt.start()?;
/// assert_eq!(rt.call("lamps.set", &json!({"id": "hall", "state": {"on": true}}))?, 1);
/// let by_place = json!({"args": ["hall"], "kwargs": {"state": {"on": true}}});
/// assert_eq!(rt.call("lamps.set", &by_place)?, 1);
/// let error = rt.call("lamps.set", &json!({"id": 5, "state": {}})).unwrap_err();
/// assert_eq!(error.message(), "id: invalid type: integer `5`, expected a string");
/// # }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args<T>(pub T);

impl<T> Deref for Args<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Arguments> Args<T> {
    /// Decodes them.
    ///
    /// # Errors
    /// `invalid_argument`, with the argument that is wrong, what it is and what is wanted.
    pub fn decode(json: Json<'_>) -> Result<Self, Error> {
        let decoded = serde_json::from_slice(json.as_bytes())
            .and_then(|value| T::deserialize(ByName(by_name::<T>(value)?)));
        decoded
            .map(Args)
            .map_err(|error| Error::format("invalid_argument", format_args!("{error}")))
    }
}

/// The arguments by their names.
fn by_name<T: Arguments>(value: Value) -> Result<Map<String, Value>, serde_json::Error> {
    let names = T::NAMES;
    let (args, named) = match value {
        Value::Null => return Ok(Map::new()),
        Value::Object(mut object) => match is_by_place(&object) {
            true => match (object.remove("args"), object.remove("kwargs")) {
                (Some(Value::Array(args)), Some(Value::Object(named))) => (args, named),
                _ => return Ok(object),
            },
            false => return Ok(object),
        },
        first => (vec![first], Map::new()),
    };
    if args.len() > names.len() {
        return Err(serde_json::Error::custom(match names {
            [] => format!(
                "arguments are by name here: an object is wanted, not {}",
                brief(&args)
            ),
            _ => format!(
                "{} arguments by place, at most {} are wanted: {}",
                args.len(),
                names.len(),
                names.join(", ")
            ),
        }));
    }
    let mut all = Map::new();
    let aliased = named.into_iter().map(|(name, value)| {
        let alias = T::ALIASES.iter().find(|(alias, _)| *alias == name);
        (alias.map_or(name, |(_, meant)| (*meant).to_owned()), value)
    });
    let by_place = names.iter().map(|name| (*name).to_owned()).zip(args);
    for (name, value) in by_place.chain(aliased) {
        if all.contains_key(&name) {
            return Err(serde_json::Error::custom(format!("{name}: it is there twice")));
        }
        all.insert(name, value);
    }
    Ok(all)
}

fn is_by_place(object: &Map<String, Value>) -> bool {
    object.len() == 2
        && object.get("args").is_some_and(Value::is_array)
        && object.get("kwargs").is_some_and(Value::is_object)
}

/// The first of these values, cut.
fn brief(args: &[Value]) -> String {
    let text = args.first().map(|first| format!("{first}")).unwrap_or_default();
    text.chars().take(40).collect()
}

/// Arguments by name, whose errors name the argument.
struct ByName(Map<String, Value>);

impl<'de> Deserializer<'de> for ByName {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(Fields {
            rest: self.0.into_iter(),
            next: None,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields {
    rest: serde_json::map::IntoIter,
    next: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        self.next = self.rest.next();
        match &self.next {
            Some((name, _)) => {
                let name: StrDeserializer<'_, Self::Error> =
                    serde::de::IntoDeserializer::into_deserializer(name.as_str());
                seed.deserialize(name).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let (name, value) = self.next.take().unwrap_or_default();
        seed.deserialize(value)
            .map_err(|error| serde_json::Error::custom(format!("{name}: {error}")))
    }
}

/// All forms, so that whoever checks arguments by the schema lets each of them pass. What is wrong by name is said of the
/// first of them.
#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema + Arguments> schemars::JsonSchema for Args<T> {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> alloc::borrow::Cow<'static, str> {
        format!("Args<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let by_name = T::json_schema(generator).to_value();
        let required = by_name["required"].as_array().map_or(&[][..], |names| names);
        let by_place = serde_json::json!({
            "description": "The same by place, and by name.",
            "type": "object",
            "properties": {
                "args": {"type": "array", "maxItems": T::NAMES.len()},
                "kwargs": {"type": "object"},
            },
            "required": ["args", "kwargs"],
            "additionalProperties": false,
        });
        let mut forms = vec![by_name.clone(), by_place];
        if required.is_empty() {
            forms.push(serde_json::json!({"type": "null"}));
        }
        if let Some(first) = T::NAMES.first()
            && required.iter().all(|name| name == first)
        {
            forms.push(by_name["properties"][*first].clone());
        }
        schemars::json_schema!({"anyOf": forms})
    }

    fn inline_schema() -> bool {
        true
    }
}
