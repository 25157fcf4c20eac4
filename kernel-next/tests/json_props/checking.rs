//! What is JSON, and where the fault is in what is not.

use kernel_next::json::{Json, JsonError};
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
