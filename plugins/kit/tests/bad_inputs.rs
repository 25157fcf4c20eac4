//! Arguments that are wrong, made from schemas.

use plugin_kit::schema::ServiceSchema;
use plugin_kit::test::bad_inputs;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is wanted")]
struct Update {
    #[schemars(extend("x-existing" = true), regex(pattern = "^[^. ]+$"), length(min = 1, max = 8))]
    id: String,
    mode: Option<Mode>,
    #[schemars(range(min = 1, max = 9))]
    level: Option<u8>,
    state: Map<String, Value>,
    #[schemars(length(max = 2))]
    shared_with: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "its schema is wanted")]
enum Mode {
    Single,
    Queued,
}

const EXAMPLE: &str = r#"{"id": "lamp", "mode": "single", "level": 5, "state": {"on": true}}"#;

#[test]
fn each_is_wrong_in_one_place() {
    let example = kernel_core::Json::parse(EXAMPLE).unwrap();
    let bad = bad_inputs(
        &ServiceSchema::new("lamps.update", "")
            .takes::<Update>()
            .example(example),
    );
    let has = |args: Value| bad.iter().any(|bad| bad.args == args);
    let with = |name: &str, value: Value| {
        let mut args: Value = serde_json::from_str(EXAMPLE).unwrap();
        args[name] = value;
        args
    };
    for (name, value) in [
        ("id", json!(null)),
        ("id", json!(7)),
        ("id", json!("")),
        ("id", json!("xxxxxxxxx")),
        ("id", json!("a b")),
        ("id", json!("no_such_thing")),
        ("mode", json!(7)),
        ("mode", json!("no_such_variant")),
        ("level", json!(0)),
        ("level", json!(10)),
        ("level", json!(1.5)),
        ("level", json!("text")),
        ("state", json!([[]])),
        ("shared_with", json!([7])),
        ("shared_with", json!(["text", "text", "text"])),
        ("no_such_field", json!(1)),
    ] {
        assert!(has(with(name, value.clone())), "{name}: {value}");
        let by_keyword = json!({"args": [], "kwargs": with(name, value)});
        assert!(has(by_keyword));
    }
    assert!(
        has(json!({"mode": "single", "level": 5, "state": {"on": true}})),
        "id is missing"
    );
    assert!(bad.iter().any(|bad| bad.what == "/state is nested deep"));
    assert!(
        !has(with("level", json!(null))) && !has(with("mode", json!(null))),
        "those may be left out"
    );
    assert!(!has(serde_json::from_str(EXAMPLE).unwrap()));
}

#[test]
fn nothing_comes_of_a_service_that_is_not_described() {
    let unknown = ServiceSchema::new("lamps.update", "");
    assert!(bad_inputs(&unknown).is_empty());
    assert!(
        bad_inputs(&unknown.takes::<Update>()).is_empty(),
        "without an example"
    );
}
