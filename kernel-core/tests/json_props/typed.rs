//! Typed values, there and back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use kernel_core::json::{DecodeError, EncodeError, Json, to_json};
use kernel_core::json_literal;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::texts::{near_json, value};

fn decode<T: DeserializeOwned>(json: Json<'_>) -> Result<T, DecodeError> {
    let text: &'static [u8] = json.as_bytes().to_vec().leak();
    let scratch: &'static mut [u8] = vec![0; 2 * text.len()].leak();
    Json::new(text).unwrap().decode(scratch)
}

/// Decodes what `serde_json` decodes, to the same value, and nothing else.
fn agrees<T: DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let json = Json::new(bytes).unwrap();
    prop_assert_eq!(
        decode::<T>(json).ok(),
        serde_json::from_slice::<T>(bytes).ok(),
        "{}",
        json
    );
    Ok(())
}

/// A text of any type, or the text of one value in an array and in an object as well.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let leaf = prop_oneof![
        near_json(),
        any::<i128>().prop_map(|number| (number >> (number & 127)).to_string().into_bytes()),
        any::<f64>().prop_map(|number| serde_json::to_vec(&number).unwrap()),
        message().prop_map(|message| serde_json::to_vec(&message).unwrap()),
    ];
    leaf.prop_map(|text| {
        let around = |before: &str, after: &str| [before.as_bytes(), &text, after.as_bytes()].concat();
        vec![
            text.clone(),
            around("[", " ]"),
            around("{\"a\":", "\n}"),
            around("[1,", "]"),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn decoding_agrees(texts in texts()) {
        for bytes in texts {
            // `serde_json` reads `-0` as a float.
            if Json::new(&bytes).is_err() || bytes.windows(2).any(|piece| piece == b"-0") {
                continue;
            }
            agrees::<bool>(&bytes)?;
            agrees::<u8>(&bytes)?;
            agrees::<i8>(&bytes)?;
            agrees::<u16>(&bytes)?;
            agrees::<i16>(&bytes)?;
            agrees::<u32>(&bytes)?;
            agrees::<i32>(&bytes)?;
            agrees::<u64>(&bytes)?;
            agrees::<i64>(&bytes)?;
            agrees::<char>(&bytes)?;
            agrees::<String>(&bytes)?;
            agrees::<heapless::String<4>>(&bytes)?;
            agrees::<()>(&bytes)?;
            agrees::<Option<i32>>(&bytes)?;
            agrees::<Vec<u8>>(&bytes)?;
            agrees::<[i64; 2]>(&bytes)?;
            agrees::<(u8, Option<String>)>(&bytes)?;
            agrees::<BTreeMap<String, i16>>(&bytes)?;
            agrees::<BTreeMap<char, Vec<Option<u64>>>>(&bytes)?;
            agrees::<Command>(&bytes)?;
            agrees::<Vec<Command>>(&bytes)?;
            agrees::<Message>(&bytes)?;
            agrees::<BTreeMap<String, Message>>(&bytes)?;
        }
    }

    #[test]
    fn floats_agree(texts in texts()) {
        for bytes in texts {
            let Ok(json) = Json::new(&bytes) else { continue };
            match (decode::<f64>(json), serde_json::from_slice::<f64>(&bytes)) {
                (Ok(ours), Ok(theirs)) => {
                    // Theirs may be off by its last bit.
                    prop_assert!((ours - theirs).abs() <= ours.abs() * 1e-15, "{ours} {theirs}");
                }
                (Ok(ours), Err(_)) => prop_assert!(ours.is_nan() && json.is_null(), "{json}: {ours}"),
                (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", json),
            }
            if let Ok(ours) = decode::<f32>(json) {
                prop_assert!(ours.is_finite() || json.is_null(), "{json}: {ours}");
            }
        }
    }

    #[test]
    fn what_is_not_wanted_is_skipped(value in value()) {
        let text = format!("{{\"a\":{value},\"b\":[{value},1 ]}}");
        prop_assert!(decode::<IgnoredAny>(Json::parse(&text).unwrap()).is_ok());
    }

    #[test]
    fn a_scratch_too_small_is_an_error(message in message(), room in 0usize..256) {
        let text = serde_json::to_vec(&message).unwrap();
        let mut scratch = vec![0; room];
        if let Ok(decoded) = Json::new(&text).unwrap().decode::<Message>(&mut scratch) {
            prop_assert_eq!(decoded, message);
        }
    }

    #[test]
    fn encoding_agrees(value in value()) {
        let mut buf = vec![0; 1 << 16];
        let json = to_json(&value, &mut buf).unwrap();
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(json.as_bytes()).unwrap(), value);
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
        let (wide_back, narrow_back): (f64, f32) = decode(json).unwrap();
        prop_assert!(wide == wide_back || !wide.is_finite() && wide_back.is_nan(), "{json}");
        prop_assert!(narrow == narrow_back || !narrow.is_finite() && narrow_back.is_nan(), "{json}");
    }

    #[test]
    fn typed_values_come_back(value in message()) {
        let mut buf = vec![0; 1 << 12];
        let json = to_json(&value, &mut buf).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Message>(json.as_bytes()).unwrap(), &value);
        prop_assert_eq!(&decode::<Message>(json).unwrap(), &value);
        let other = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(&decode::<Message>(Json::parse(&other).unwrap()).unwrap(), &value);
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Message {
    id: u32,
    text: heapless::String<64>,
    note: Option<String>,
    unit: (),
    commands: Vec<Command>,
    by_name: BTreeMap<String, Wrapped>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Wrapped(i8);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Command {
    SwitchOff,
    Level(u8),
    Color((u8, u8, u8)),
    Fade { to: u8, ms: u32 },
}

fn message() -> impl Strategy<Value = Message> {
    let command = prop_oneof![
        Just(Command::SwitchOff),
        any::<u8>().prop_map(Command::Level),
        any::<(u8, u8, u8)>().prop_map(Command::Color),
        any::<(u8, u32)>().prop_map(|(to, ms)| Command::Fade { to, ms }),
    ];
    (
        any::<u32>(),
        "[a\"\\\\\n😀я]{0,16}",
        prop::option::of("[a\"\\\\я]{0,5}"),
        prop::collection::vec(command, 0..4),
        prop::collection::btree_map("[a\"\\\\я]{0,5}", any::<i8>().prop_map(Wrapped), 0..3),
    )
        .prop_map(|(id, text, note, commands, by_name)| Message {
            id,
            text: text.as_str().try_into().unwrap(),
            note,
            unit: (),
            commands,
            by_name,
        })
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

    assert_eq!(json.decode::<Borrowed<'_>>(&mut [0; 8]).unwrap().plain, "ab");
    assert!(json.decode::<Escaped<'_>>(&mut [0; 8]).is_err());
}

#[test]
fn another_type_is_an_error() {
    #[derive(Debug, Deserialize)]
    struct Light {
        #[serde(rename = "on")]
        _on: bool,
        #[serde(rename = "level")]
        _level: u8,
    }

    for text in [
        "{}",
        r#"{"on":1,"level":1}"#,
        r#"{"on":true,"level":300}"#,
        r#"{"on":true,"level":3.5}"#,
        r#"{"on":true,"on":true,"level":3}"#,
        "null",
    ] {
        assert!(decode::<Light>(Json::parse(text).unwrap()).is_err(), "{text}");
    }
    for text in ["[1]", "[1,2,3]"] {
        assert!(decode::<(u8, u8)>(Json::parse(text).unwrap()).is_err(), "{text}");
    }
    assert!(decode::<heapless::String<4>>(json_literal!(r#""abcde""#)).is_err());
    assert!(json_literal!(r#""a\n""#).decode::<String>(&mut [0; 1]).is_err());
    assert_eq!(
        json_literal!(r#""\ud83d\ude00""#).decode::<String>(&mut [0; 13]),
        Err(DecodeError::TooSmall)
    );
}
