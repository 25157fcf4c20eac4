//! What is JSON, and where the fault is in what is not.

use kernel_core::json::{Json, JsonFault};
use proptest::prelude::*;
use serde_json::Value;

use crate::texts::{expected, near_json, soup, value};

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
            Err(error) if matches!(error.fault(), JsonFault::Empty | JsonFault::Truncated) => {
                prop_assert_eq!(error.offset(), bytes.len());
            }
            Err(error) => prop_assert!(error.offset() < bytes.len()),
        }
    }

    #[test]
    fn a_cut_text_is_truncated(text in value().prop_map(|value| Value::from(vec![value]).to_string())) {
        for len in 1..text.len() {
            let error = Json::new(&text.as_bytes()[..len]).unwrap_err();
            prop_assert!(
                matches!(
                    error.fault(),
                    JsonFault::Truncated | JsonFault::BadUtf8 | JsonFault::BadEscape
                ),
                "{error:?} at {len} of {text}"
            );
        }
    }
}

#[test]
fn faults_are_named_and_placed() {
    use JsonFault::*;

    let deep = "[".repeat(33);
    for (text, fault, offset) in [
        (&b""[..], Empty, 0),
        (b" \n", Empty, 2),
        (b"{", Truncated, 1),
        (b"\"a", Truncated, 2),
        (b"[1,]", Unexpected, 3),
        (b"{\"a\" 1}", Unexpected, 5),
        (b"{1:1}", Unexpected, 1),
        (b"[1}", Unexpected, 2),
        (b"trux", Unexpected, 3),
        (b"\"a\nb\"", Unexpected, 2),
        (b"\"a\xff\"", BadUtf8, 2),
        (b"\"\xed\xa0\x80\"", BadUtf8, 1),
        (b"\"a\\x\"", BadEscape, 2),
        (b"\"\\ud83d\"", BadEscape, 1),
        (b"\"\\u00", BadEscape, 1),
        (b"\"\\u00g0\"", BadEscape, 1),
        (b"\"\\ude00\"", BadEscape, 1),
        (b"\"\\ud83d\\u0041\"", BadEscape, 1),
        (b"[01]", BadNumber, 1),
        (b"[1.]", BadNumber, 3),
        (b"[-]", BadNumber, 2),
        (b"1 2", Trailing, 2),
        (deep.as_bytes(), TooDeep, 32),
    ] {
        let error = Json::new(text).unwrap_err();
        assert_eq!((error.fault(), error.offset()), (fault, offset), "{text:?}");
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
