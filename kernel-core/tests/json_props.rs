//! JSON against `serde_json`, on texts that are JSON, nearly JSON, or nothing like it.
//!
//! Where the two differ on purpose: the kernel stops at 32 levels, and does not look at the range
//! of a number.

use std::collections::BTreeMap;

use kernel_core::json::{DecodeError, EncodeError, Json, JsonError, MAX_DEPTH, Writer, to_json};
use kernel_core::json_literal;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values whose floats `serde_json` reads exactly.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,20}",
        "[\"\\\\/\n\r\t\\x00-\\x1f a-c]{0,12}",
        "[а-яё😀€\\x7f]{0,8}",
        any::<String>(),
    ]
}

/// A string as JSON in which each UTF-16 unit is an escape.
fn all_escapes(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

/// JSON texts in various spellings.
fn json_text() -> impl Strategy<Value = String> {
    prop_oneof![
        value().prop_map(|value| value.to_string()),
        value().prop_map(|value| serde_json::to_string_pretty(&value).unwrap()),
        text().prop_map(|text| all_escapes(&text)),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?",
        (0usize..40, value())
            .prop_map(|(depth, value)| "[".repeat(depth) + &value.to_string() + &"]".repeat(depth)),
    ]
}

/// A text with some bytes removed, replaced or added.
fn near_json() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        prop::sample::select(&b" \t\n\"\\{}[],:0123456789.eE+-tfnu/\x00\x1f\xc3\xa9\xed\xa0\xf4"[..]),
        any::<u8>(),
    ];
    let change = (any::<prop::sample::Index>(), 0..4u8, byte);
    (json_text(), prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (index, kind, byte) in changes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                2 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.truncate(at.max(bytes.len() / 2)),
            }
        }
        bytes
    })
}

/// Bytes that look like JSON without being made from it.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(
        &[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"a\":", "1", "0", "-", ".", "e", "true",
            "false", "null", "nul", " ", "\n", "\\u", "d83d", "de00", "\\n", "é", "12",
        ][..],
    );
    prop_oneof![
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..10),
    ]
}

fn depth(bytes: &[u8]) -> u32 {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0u32, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What `serde_json` says; `None` where it stopped at the range of a number.
fn expected(bytes: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(_) => Some(depth(bytes) <= MAX_DEPTH),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(_) => Some(false),
    }
}

fn write(writer: &mut Writer<'_>, value: &Value) {
    match value {
        Value::Null => writer.raw(b"null"),
        Value::Bool(value) => writer.bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => writer.u64(number),
            (_, Some(number)) => writer.i64(number),
            _ => writer.raw(number.to_string().as_bytes()),
        },
        Value::String(text) => writer.string(text),
        Value::Array(values) => {
            writer.begin_array();
            for value in values {
                write(writer, value);
            }
            writer.end_array()
        }
        Value::Object(fields) => {
            writer.begin_object();
            for (name, value) in fields {
                writer.key(name);
                write(writer, value);
            }
            writer.end_object()
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_validator_agrees(bytes in prop_oneof![near_json(), soup()]) {
        if let Some(valid) = expected(&bytes) {
            let json = Json::new(&bytes);
            prop_assert_eq!(json.is_ok(), valid, "{:?} {:?}", json, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn offsets_are_inside_the_text(bytes in prop_oneof![near_json(), soup()]) {
        match Json::new(&bytes) {
            Ok(json) => prop_assert_eq!(json.as_str().as_bytes(), &bytes[..]),
            Err(
                JsonError::Unexpected { offset }
                | JsonError::TooDeep { offset }
                | JsonError::BadUtf8 { offset }
                | JsonError::BadEscape { offset }
                | JsonError::BadNumber { offset }
                | JsonError::Trailing { offset },
            ) => prop_assert!(offset < bytes.len()),
            Err(_) => {}
        }
    }

    #[test]
    fn a_cut_text_is_truncated(text in value().prop_map(|value| Value::from(vec![value]).to_string())) {
        for len in 1..text.len() {
            let error = Json::new(&text.as_bytes()[..len]).unwrap_err();
            prop_assert!(
                matches!(
                    error,
                    JsonError::Truncated | JsonError::BadUtf8 { .. } | JsonError::BadEscape { .. }
                ),
                "{error:?} at {len} of {text}"
            );
        }
    }

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
    fn what_is_written_reads_back(value in value()) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        write(&mut writer, &value);
        let json = writer.finish().unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(json.as_bytes()).unwrap(), value);
    }

    #[test]
    fn what_is_written_fits_or_is_refused(value in value(), room in 0usize..64) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        write(&mut writer, &value);
        let json = writer.finish().unwrap();
        let mut small = vec![0; room];
        let mut writer = Writer::new(&mut small);
        write(&mut writer, &value);
        prop_assert_eq!(writer.finish(), (json.len() <= room).then_some(json));
    }

    #[test]
    fn calls_in_any_order_give_json_or_nothing(
        calls in prop::collection::vec((0..8u8, near_json()), 0..12),
    ) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        for (call, bytes) in &calls {
            match call {
                0 => writer.begin_object(),
                1 => writer.end_object(),
                2 => writer.begin_array(),
                3 => writer.end_array(),
                4 => writer.key("k"),
                5 => writer.u64(7),
                6 => writer.string("s"),
                _ => writer.raw(bytes),
            };
        }
        if let Some(json) = writer.finish() {
            prop_assert_ne!(expected(json.as_bytes()), Some(false), "{}", json);
        }
    }

    #[test]
    fn strings_come_back(text in text()) {
        let mut buf = vec![0; 1 << 12];
        let mut displayed = vec![0; 1 << 12];
        let mut writer = Writer::new(&mut buf);
        writer.string(&text);
        let json = writer.finish().unwrap();
        let mut writer = Writer::new(&mut displayed);
        writer.string_display(format_args!("{text}"));
        prop_assert_eq!(writer.finish(), Some(json));

        let mut out = vec![0; text.len()];
        for json in [json.as_str(), &serde_json::to_string(&text).unwrap(), &all_escapes(&text)] {
            let json = Json::parse(json).unwrap();
            prop_assert_eq!(json.str_value(&mut out), Ok(&text[..]));
            if let Some(short) = text.len().checked_sub(1) {
                prop_assert_eq!(json.str_value(&mut out[..short]), Err(DecodeError::BufferTooSmall));
            }
        }
    }

    #[test]
    fn numbers_are_exact(unsigned in any::<u64>(), signed in any::<i64>(), shift in 0..64u32) {
        let (unsigned, signed) = (unsigned >> shift, signed >> shift);
        let mut buf = [0; 64];
        let mut writer = Writer::new(&mut buf);
        writer.begin_array().u64(unsigned).i64(signed).end_array();
        let json = writer.finish().unwrap();
        prop_assert_eq!(json.as_str(), format!("[{unsigned},{signed}]"));
        prop_assert_eq!(json.decode::<(u64, i64)>(), Ok((unsigned, signed)));
        prop_assert_eq!(
            json.decode::<(u8, i8)>().ok(),
            u8::try_from(unsigned).ok().zip(i8::try_from(signed).ok())
        );
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
fn faults_are_named_and_placed() {
    use JsonError::*;

    let deep = "[".repeat(33);
    for (text, error) in [
        (&b""[..], Empty),
        (b" \n", Empty),
        (b"{", Truncated),
        (b"\"a", Truncated),
        (b"[1,]", Unexpected { offset: 3 }),
        (b"{\"a\" 1}", Unexpected { offset: 5 }),
        (b"{1:1}", Unexpected { offset: 1 }),
        (b"[1}", Unexpected { offset: 2 }),
        (b"trux", Unexpected { offset: 3 }),
        (b"\"a\nb\"", Unexpected { offset: 2 }),
        (b"\"a\xff\"", BadUtf8 { offset: 2 }),
        (b"\"\xed\xa0\x80\"", BadUtf8 { offset: 1 }),
        (b"\"a\\x\"", BadEscape { offset: 2 }),
        (b"\"\\ud83d\"", BadEscape { offset: 1 }),
        (b"\"\\u00", BadEscape { offset: 1 }),
        (b"\"\\u00g0\"", BadEscape { offset: 1 }),
        (b"\"\\ude00\"", BadEscape { offset: 1 }),
        (b"\"\\ud83d\\u0041\"", BadEscape { offset: 1 }),
        (b"[01]", BadNumber { offset: 1 }),
        (b"[1.]", BadNumber { offset: 3 }),
        (b"[-]", BadNumber { offset: 2 }),
        (b"1 2", Trailing { offset: 2 }),
        (deep.as_bytes(), TooDeep { offset: 32 }),
    ] {
        assert_eq!(Json::new(text), Err(error), "{text:?}");
    }
}

#[test]
fn thirty_two_levels_and_no_more() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::parse(&nested(32)).is_ok());
    assert!(Json::parse(&nested(33)).is_err());
    let mixed = "{\"a\":[".repeat(16) + &"]}".repeat(16);
    assert!(Json::parse(&mixed).is_ok());
    assert!(Json::parse(&mixed.replace("]}", "}]")).is_err());
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

#[test]
fn a_display_that_fails_gives_no_text() {
    struct Failing;
    impl std::fmt::Display for Failing {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            Err(std::fmt::Error)
        }
    }

    let mut buf = [0; 64];
    let mut writer = Writer::new(&mut buf);
    writer.string_display(Failing);
    assert_eq!(writer.finish(), None);
}
