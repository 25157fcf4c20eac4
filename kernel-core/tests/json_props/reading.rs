//! Reading by hand finds what `serde_json` finds.

use kernel_core::json::Json;
use kernel_core::json_literal;
use proptest::prelude::*;
use serde_json::Value;

use crate::texts::{all_escapes, near_json, text, value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_read_agrees(bytes in near_json()) {
        let Ok(json) = Json::new(&bytes) else { return Ok(()) };
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
        agrees(json, &value)?;
    }

    #[test]
    fn a_pretty_text_reads_alike(value in value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        agrees(Json::parse(&text).unwrap(), &value)?;
    }

    #[test]
    fn a_member_is_found_however_its_name_is_written(name in text(), other in text()) {
        for written in [serde_json::to_string(&name).unwrap(), all_escapes(&name)] {
            let object = format!("{{\"no\":0, {written} : 1}}");
            let object = Json::parse(&object).unwrap();
            prop_assert_eq!(object.get(&name).and_then(|value| value.as_u64()), Some(1));
            if other != name && other != "no" {
                prop_assert_eq!(object.get(&other), None);
            }
        }
    }
}

fn agrees(json: Json<'_>, value: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(json.is_null(), value.is_null());
    prop_assert_eq!(json.as_bool(), value.as_bool());
    // `serde_json` reads `-0` as a float.
    if json.as_str().trim() != "-0" {
        prop_assert_eq!(json.as_i64(), value.as_i64());
        prop_assert_eq!(json.as_u64(), value.as_u64());
    }
    let mut buf = vec![0; json.len()];
    prop_assert_eq!(json.str_value(&mut buf), value.as_str());
    let items: Vec<_> = json.items().collect();
    prop_assert_eq!(items.len(), value.as_array().map_or(0, Vec::len));
    for (item, value) in items.into_iter().zip(value.as_array().into_iter().flatten()) {
        agrees(item, value)?;
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        agrees(json.get(name).unwrap(), value)?;
    }
    for (key, _) in json.members() {
        let mut buf = vec![0; key.len()];
        prop_assert!(value.get(key.str_value(&mut buf).unwrap()).is_some());
    }
    Ok(())
}

#[test]
fn the_last_of_several_members_counts() {
    let twice = json_literal!(r#"{"a": 1, "\u0061": 2, "ab": 3, "\\u0061": 4}"#);
    let get = |name| twice.get(name).and_then(|value| value.as_u64());
    assert_eq!(get("a"), Some(2));
    assert_eq!(get("ab"), Some(3));
    assert_eq!(get("\\u0061"), Some(4));
    assert_eq!(get(""), None);
    assert_eq!(get("abc"), None);
}
