//! Typed values, there and back.

use std::collections::BTreeMap;

use kernel_core::json::{DecodeError, EncodeError, Json, to_json};
use kernel_core::json_literal;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::texts::{near_json, value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn decoding_agrees(bytes in near_json()) {
        let Ok(json) = Json::new(&bytes) else { return Ok(()) };
        let Ok(expected) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
        let mut scratch = vec![0; bytes.len()];
        let decoded: Value = json.decode_with(&mut scratch).unwrap();
        same(&decoded, &expected)?;
        prop_assert!(json.decode::<serde::de::IgnoredAny>().is_ok());
    }

    #[test]
    fn encoding_agrees(value in value()) {
        let mut buf = vec![0; 1 << 16];
        let json = to_json(&value, &mut buf).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(json.as_bytes()).unwrap(), value);
    }

    #[test]
    fn encoding_fits_or_says_so(value in value(), room in 0usize..64) {
        let mut buf = vec![0; 1 << 16];
        let json = to_json(&value, &mut buf).unwrap();
        let mut small = vec![0; room];
        match to_json(&value, &mut small) {
            Ok(same) => prop_assert_eq!(json, same),
            Err(error) => {
                prop_assert_eq!(error, EncodeError::TooSmall);
                prop_assert!(room < json.len());
            }
        }
    }

    #[test]
    fn floats_come_back_exactly(wide in any::<f64>(), narrow in any::<f32>()) {
        let mut buf = [0; 64];
        let json = to_json(&(wide, narrow), &mut buf).unwrap();
        let (wide_back, narrow_back): (f64, f32) = json.decode().unwrap();
        prop_assert!(wide == wide_back || !wide.is_finite() && wide_back.is_nan(), "{json}");
        prop_assert!(narrow == narrow_back || !narrow.is_finite() && narrow_back.is_nan(), "{json}");
    }

    #[test]
    fn typed_values_come_back(value in message()) {
        let mut buf = vec![0; 1 << 12];
        let json = to_json(&value, &mut buf).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Message>(json.as_bytes()).unwrap(), &value);
        prop_assert_eq!(&json.decode::<Message>().unwrap(), &value);
        let other = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(&Json::parse(&other).unwrap().decode::<Message>().unwrap(), &value);
    }
}

/// Equality, but for the last bit of a float and for `-0`, which `serde_json` reads as a float.
fn same(a: &Value, b: &Value) -> Result<(), TestCaseError> {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            prop_assert_eq!(a.len(), b.len());
            a.iter().zip(b).try_for_each(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            prop_assert!(a.keys().eq(b.keys()));
            a.values().zip(b.values()).try_for_each(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            prop_assert!((a - b).abs() <= a.abs() * 1e-15, "{a} {b}");
            Ok(())
        }
        _ => {
            prop_assert_eq!(a, b);
            Ok(())
        }
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Message {
    id: u32,
    grade: char,
    text: heapless::String<64>,
    note: Option<String>,
    unit: (),
    commands: Vec<Command>,
    by_number: BTreeMap<i16, bool>,
    by_name: BTreeMap<String, Wrapped>,
    by_command: BTreeMap<Plain, u8>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Wrapped(u8);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Plain {
    On,
    SwitchOff,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Command {
    Off,
    Level(u8),
    Color(u8, u8, u8),
    Fade { to: u8, ms: u32 },
}

fn message() -> impl Strategy<Value = Message> {
    let command = prop_oneof![
        Just(Command::Off),
        any::<u8>().prop_map(Command::Level),
        any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Command::Color(r, g, b)),
        any::<(u8, u32)>().prop_map(|(to, ms)| Command::Fade { to, ms }),
    ];
    let plain = prop_oneof![Just(Plain::On), Just(Plain::SwitchOff)];
    (
        any::<u32>(),
        any::<char>(),
        "[a\"\\\\\n😀я]{0,16}",
        prop::option::of("[a\"\\\\я]{0,5}"),
        prop::collection::vec(command, 0..4),
        prop::collection::btree_map(any::<i16>(), any::<bool>(), 0..3),
        prop::collection::btree_map("[a\"\\\\я]{0,5}", any::<u8>().prop_map(Wrapped), 0..3),
        prop::collection::btree_map(plain, any::<u8>(), 0..3),
    )
        .prop_map(
            |(id, grade, text, note, commands, by_number, by_name, by_command)| Message {
                id,
                grade,
                text: text.as_str().try_into().unwrap(),
                note,
                unit: (),
                commands,
                by_number,
                by_name,
                by_command,
            },
        )
}

#[test]
fn escapes_never_reach_a_borrowed_string() {
    let json = json_literal!(r#"{"id":"a\"b","plain":"ab"}"#);

    #[derive(Deserialize)]
    struct Borrowed<'a> {
        plain: &'a str,
    }
    #[derive(Debug, Deserialize)]
    struct Escaped<'a> {
        #[serde(rename = "id")]
        _id: &'a str,
    }

    assert_eq!(json.decode::<Borrowed<'_>>().unwrap().plain, "ab");
    assert_eq!(json.decode::<Escaped<'_>>().unwrap_err(), DecodeError::WrongType);
}

#[test]
fn decoding_says_why_not() {
    #[derive(Debug, Deserialize)]
    struct Light {
        #[serde(rename = "on")]
        _on: bool,
        #[serde(rename = "level")]
        _level: u8,
    }

    let decode = |text| Json::parse(text).unwrap().decode::<Light>().unwrap_err();
    assert_eq!(decode("{}"), DecodeError::MissingField("on"));
    assert_eq!(decode(r#"{"on":1,"level":1}"#), DecodeError::WrongType);
    assert_eq!(decode(r#"{"on":true,"level":300}"#), DecodeError::OutOfRange);
    assert_eq!(decode("null"), DecodeError::WrongType);
    for text in ["[1]", "[1,2,3]"] {
        assert_eq!(
            Json::parse(text).unwrap().decode::<(u8, u8)>(),
            Err(DecodeError::WrongLength)
        );
    }
    assert_eq!(
        json_literal!(r#""abcde""#).decode::<heapless::String<4>>(),
        Err(DecodeError::WrongLength)
    );
    assert_eq!(
        json_literal!("1e999").decode::<f64>(),
        Err(DecodeError::OutOfRange)
    );
    assert_eq!(
        json_literal!(r#""a\n""#).decode_with::<String>(&mut [0; 1]),
        Err(DecodeError::BufferTooSmall)
    );
}

#[test]
fn what_json_cannot_hold_is_an_error_not_a_panic() {
    let mut buf = [0; 256];
    let mut encode = |value: &dyn Fn(&mut [u8]) -> Result<usize, EncodeError>| value(&mut buf);
    assert_eq!(
        encode(&|buf| to_json(&1u128, buf).map(Json::len)),
        Err(EncodeError::Unsupported)
    );
    assert_eq!(
        encode(&|buf| to_json(&BTreeMap::from([(Some(1), 2)]), buf).map(Json::len)),
        Ok(7)
    );
    assert_eq!(
        encode(&|buf| to_json(&BTreeMap::from([((), 2)]), buf).map(Json::len)),
        Err(EncodeError::Unsupported)
    );
    assert_eq!(
        encode(&|buf| to_json(&BTreeMap::from([(vec![1], 2)]), buf).map(Json::len)),
        Err(EncodeError::Unsupported)
    );
}
