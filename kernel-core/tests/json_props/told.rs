//! What a value of another type than is wanted is told by.

use std::collections::BTreeMap;
use std::fmt;

use kernel_core::json::{DecodeError, Json};
use kernel_core::{Error, MAX_MESSAGE};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Room {
    celsius: i8,
    #[serde(default)]
    name: Option<heapless::String<8>>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    at: Option<(f32, f32)>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Mode {
    Off,
    Until { hour: u8 },
}

#[derive(Deserialize, Debug)]
#[allow(dead_code)]
struct House {
    rooms: Vec<Room>,
    floors: BTreeMap<String, Vec<u8>>,
}

fn told<T: DeserializeOwned + fmt::Debug>(text: &str) -> String {
    let mut scratch = [0; 256];
    match Json::parse(text)
        .unwrap()
        .decode::<T>(scratch.as_mut_slice().to_vec().leak())
    {
        Err(DecodeError::Type(mismatch)) => mismatch.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_field_and_what_is_wanted_are_told() {
    for (text, wanted) in [
        (
            r#"{"celsiu":20}"#,
            "unknown field `celsiu`, expected one of `celsius`, `name`, `mode`, `at`",
        ),
        ("{}", "missing field `celsius`"),
        (r#"{"celsius":"warm"}"#, "celsius: an i8 is wanted"),
        (r#"{"celsius":200}"#, "celsius: an i8 is wanted"),
        (r#"{"celsius":null}"#, "celsius: an i8 is wanted"),
        (r#"{"celsius":1,"celsius":2}"#, "duplicate field `celsius`"),
        (r#"{"celsius":1,"name":5}"#, "name: text is wanted"),
        (r#"{"celsius":1,"name":"much too long"}"#, "name: invalid "),
        (
            r#"{"celsius":1,"mode":"on"}"#,
            "mode: unknown variant `on`, expected `off` or `until`",
        ),
        (
            r#"{"celsius":1,"mode":{"until":{"hour":-1}}}"#,
            "mode.hour: a u8 is wanted",
        ),
        (r#"{"celsius":1,"at":[1.0,"x"]}"#, "at[1]: a number is wanted"),
        (
            r#"{"celsius":1,"at":[1.0,1e400]}"#,
            "at[1]: a number in range is wanted",
        ),
        ("[]", "an object is wanted"),
        ("7", "an object is wanted"),
    ] {
        let said = told::<Room>(text);
        assert!(said.starts_with(wanted), "{text}: {said}");
    }
}

#[test]
fn the_path_leads_through_lists_and_objects() {
    for (text, wanted) in [
        (
            r#"{"rooms":[{"celsius":1},{"celsius":true}],"floors":{}}"#,
            "rooms[1].celsius: an i8 is wanted",
        ),
        (
            r#"{"rooms":[{"celsius":1},{"mode":"off"}],"floors":{}}"#,
            "rooms[1]: missing field `celsius`",
        ),
        (
            r#"{"rooms":[],"floors":{"first":[1,2],"second":[3,300]}}"#,
            "floors.second[1]: a u8 is wanted",
        ),
        (r#"{"rooms":{},"floors":{}}"#, "rooms: a list is wanted"),
    ] {
        assert_eq!(told::<House>(text), wanted, "{text}");
    }
    assert_eq!(
        told::<Vec<Vec<bool>>>("[[true],[true,1]]"),
        "[1][1]: true or false is wanted"
    );
}

#[test]
fn what_is_long_is_cut_and_panics_nowhere() {
    let long = "ü".repeat(300);
    for text in [
        format!("{{\"celsius\":1,\"{long}\":1}}"),
        format!("{{\"celsius\":1,\"mode\":\"{long}\"}}"),
        format!("{{\"floors\":{{\"{long}\":[true]}},\"rooms\":[]}}"),
    ] {
        for said in [
            Json::parse(&text)
                .unwrap()
                .decode::<Room>(vec![0; 1 << 12].leak())
                .map(drop),
            Json::parse(&text)
                .unwrap()
                .decode::<House>(vec![0; 1 << 12].leak())
                .map(drop),
        ] {
            let error = Error::from(said.unwrap_err());
            assert_eq!(error.code(), "invalid_argument");
            assert!(error.message().len() <= MAX_MESSAGE);
        }
    }
    // The deepest that is taken.
    let deep = format!("{}{}", "[".repeat(31), "]".repeat(31));
    assert!(told::<Vec<Vec<Vec<u8>>>>(&deep).starts_with("[0][0][0]: a u8 is wanted"));
}
