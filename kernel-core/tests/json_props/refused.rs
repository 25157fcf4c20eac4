//! What serde-json-core would panic on, or get wrong, is an error.

use std::collections::BTreeMap;
use std::fmt;

use kernel_core::json::{DecodeError, EncodeError, Json, to_json};
use serde::de::{DeserializeOwned, Visitor};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, which neither JSON nor serde-json-core has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Bytes<const OWNED: bool>;

impl<'de, const OWNED: bool> Deserialize<'de> for Bytes<OWNED> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl Visitor<'_> for Anything {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
        }

        match OWNED {
            true => deserializer.deserialize_byte_buf(Anything)?,
            false => deserializer.deserialize_bytes(Anything)?,
        }
        Ok(Bytes)
    }
}

impl<const OWNED: bool> Serialize for Bytes<OWNED> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(b"1")
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Choice {
    One,
    Two(u8),
    Three(u8, u8),
    Four { a: u8 },
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Unit;

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Pair(u8, u8);

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Record {
    a: u8,
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    Json::parse(text)
        .unwrap()
        .decode(&mut vec![0; 1 << 10].leak()[..])
}

fn no_key<K: DeserializeOwned + Ord + fmt::Debug>() {
    for text in [r#"{"a":1}"#, r#"{"1":1}"#, r#"{"One":1}"#, r#"{"\u0061":1}"#] {
        let map = decode::<BTreeMap<K, u8>>(text);
        assert!(map.is_err(), "{map:?}");
        let deep = decode::<Vec<Option<BTreeMap<String, BTreeMap<K, u8>>>>>(&format!("[{{\"x\":{text}}}]"));
        assert!(deep.is_err(), "{deep:?}");
    }
    assert_eq!(decode::<BTreeMap<K, u8>>("{}"), Ok(BTreeMap::new()));
}

#[test]
fn keys_that_are_no_text_are_refused() {
    no_key::<bool>();
    no_key::<i8>();
    no_key::<i16>();
    no_key::<i32>();
    no_key::<i64>();
    no_key::<i128>();
    no_key::<u8>();
    no_key::<u16>();
    no_key::<u32>();
    no_key::<u64>();
    no_key::<u128>();
    no_key::<Option<String>>();
    no_key::<()>();
    no_key::<Unit>();
    no_key::<Vec<u8>>();
    no_key::<[u8; 2]>();
    no_key::<Pair>();
    no_key::<BTreeMap<u8, u8>>();
    no_key::<Record>();
    no_key::<Choice>();
    no_key::<Bytes<false>>();
    no_key::<Bytes<true>>();
}

#[test]
fn keys_that_are_text_are_read() {
    let name = String::from("a");
    assert_eq!(decode(r#"{"a":1}"#), Ok(BTreeMap::from([(name.clone(), 1)])));
    assert_eq!(decode(r#"{"\u0061":1}"#), Ok(BTreeMap::from([(name, 1)])));
    assert_eq!(decode(r#"{"a":1}"#), Ok(BTreeMap::from([('a', 1)])));
    let key = heapless::String::<4>::try_from("😀").unwrap();
    assert_eq!(decode(r#"{"\ud83d\ude00":1}"#), Ok(BTreeMap::from([(key, 1)])));
    assert!(decode::<BTreeMap<char, u8>>(r#"{"ab":1}"#).is_err());
}

fn no_number<T: DeserializeOwned + fmt::Debug>(texts: &[&str]) {
    for text in texts {
        for text in [text.to_string(), format!(" {text} ")] {
            assert!(decode::<T>(&text).is_err(), "{text}: {:?}", decode::<T>(&text));
            assert!(decode::<Option<T>>(&text).is_err(), "{text}");
        }
        assert!(decode::<Vec<T>>(&format!("[{text},{text}]")).is_err(), "{text}");
        assert!(
            decode::<BTreeMap<String, T>>(&format!("{{\"a\":{text}}}")).is_err(),
            "{text}"
        );
    }
}

#[test]
fn numbers_are_whole_and_in_range_or_refused() {
    let not_whole = [
        "1.5", "1.0", "1e3", "0.5", "0e0", "0E1", "-1.5", "-0.0", "10E-1", "1e999",
    ];
    no_number::<u8>(&not_whole);
    no_number::<u16>(&not_whole);
    no_number::<u32>(&not_whole);
    no_number::<u64>(&not_whole);
    no_number::<i8>(&not_whole);
    no_number::<i16>(&not_whole);
    no_number::<i32>(&not_whole);
    no_number::<i64>(&not_whole);
    no_number::<u8>(&["256", "-1", "99999999999999999999999"]);
    no_number::<i8>(&["128", "-129"]);
    no_number::<u64>(&["18446744073709551616"]);
    no_number::<i64>(&["9223372036854775808", "-9223372036854775809"]);
    no_number::<f32>(&["1e39", "-1e39", "1e999"]);
    no_number::<f64>(&["1e999", "-1e999", "1e99999999999999999999"]);
    assert_eq!(decode(" -128 "), Ok(-128i8));
    assert_eq!(decode("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(decode("1e-999"), Ok(0.0));
    assert_eq!(decode("3.4e38"), Ok(3.4e38f32));
    assert!(decode::<f64>("null").unwrap().is_nan());
}

#[test]
fn types_that_no_text_has_are_refused() {
    assert!(decode::<Bytes<false>>(r#""a""#).is_err());
    assert!(decode::<Bytes<true>>("[1]").is_err());
    assert!(decode::<serde_json::Value>("[1]").is_err());
    assert!(decode::<u128>("1").is_err());
    assert!(decode::<i128>("1").is_err());
    assert!(decode::<Choice>(r#"{"One":1}"#).is_err());
    assert!(decode::<Choice>("{}").is_err());
    assert!(decode::<Choice>(r#"{"Two":1,"Two":1}"#).is_err());
    assert!(decode::<char>(r#""ab""#).is_err());
}

fn refused<T: Serialize>(value: T) {
    for room in 0..64 {
        let mut buf = vec![0; room];
        assert_eq!(to_json(&value, &mut buf), Err(EncodeError::Unsupported));
        assert_eq!(to_json(&[Some(&value)], &mut buf), Err(EncodeError::Unsupported));
        let map = BTreeMap::from([("a", &value)]);
        assert_eq!(to_json(&map, &mut buf), Err(EncodeError::Unsupported));
    }
}

#[test]
fn values_that_are_no_json_are_refused() {
    refused('a');
    refused(Bytes::<false>);
    refused(1u128);
    refused(-1i128);
    refused(Choice::Three(1, 2));
    refused(BTreeMap::from([(1, 1)]));
    refused(BTreeMap::from([('a', 1)]));
    refused(BTreeMap::from([(true, 1)]));
    refused(BTreeMap::from([((), 1)]));
    refused(BTreeMap::from([(None::<u8>, 1)]));
    refused(BTreeMap::from([(Some(1), 1)]));
    refused(BTreeMap::from([(vec![1], 1)]));
    refused(BTreeMap::from([(Bytes::<false>, 1)]));
    refused(BTreeMap::from([(Unit, 1)]));
    refused(BTreeMap::from([(Pair(1, 2), 1)]));
    refused(BTreeMap::from([(Record { a: 1 }, 1)]));
    refused(BTreeMap::from([(Choice::Four { a: 1 }, 1)]));
    refused(BTreeMap::from([(Choice::Two(1), 1)]));
    refused(serde_json_core::str::EscapedStr("a\",\"b"));
}

/// Its `Serialize` fails, and its `Display`.
struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

struct Displayed;

impl Serialize for Displayed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Failing)
    }
}

/// A map whose calls do not add up.
struct Halved;

impl Serialize for Halved {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("a")?;
        map.end()
    }
}

#[test]
fn a_value_that_fails_or_is_half_is_refused() {
    refused(Failing);
    refused(Displayed);
    assert_eq!(to_json(&Halved, &mut [0; 64]), Err(EncodeError::Unsupported));
}

#[derive(Serialize)]
struct Renamed {
    #[serde(rename = "a\":1,\"b")]
    a: u8,
}

#[derive(Serialize)]
enum RenamedVariant {
    #[serde(rename = "a\":1,\"b")]
    Unit,
    #[serde(rename = "a\":1,\"b")]
    Newtype(u8),
    #[serde(rename = "a\":1,\"b")]
    Struct { a: u8 },
    Field {
        #[serde(rename = "a\\")]
        a: u8,
    },
}

struct Named(&'static str);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Named", 1)?;
        record.serialize_field(self.0, &1)?;
        record.end()
    }
}

#[test]
fn a_name_never_writes_a_member_of_its_own() {
    refused(Renamed { a: 1 });
    refused(RenamedVariant::Newtype(1));
    refused(RenamedVariant::Struct { a: 1 });
    refused(RenamedVariant::Field { a: 1 });
    refused(Named("a\n"));
    refused(Named("a\0"));
    let mut buf = [0; 64];
    assert_eq!(
        to_json(&Named("a b я"), &mut buf).unwrap().as_str(),
        r#"{"a b я":1}"#
    );
    let text = to_json(&RenamedVariant::Unit, &mut buf).unwrap();
    assert_eq!(text.as_str(), r#""a\":1,\"b""#);
    let map = BTreeMap::from([("a\":1,\"b", 1)]);
    assert_eq!(to_json(&map, &mut buf).unwrap().as_str(), r#"{"a\":1,\"b":1}"#);
}
