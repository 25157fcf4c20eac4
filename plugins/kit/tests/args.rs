//! Arguments by name and by place.

use plugin_kit::prelude::*;
use plugin_kit::test::TestRuntime;
use plugin_kit::{Args, Arguments};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Set {
    id: String,
    state: Map<String, Value>,
    #[serde(default)]
    after: Option<f64>,
}

impl Arguments for Set {
    const NAMES: &'static [&'static str] = &["id", "state"];
    const ALIASES: &'static [(&'static str, &'static str)] = &[("device_id", "id")];
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Named {
    #[serde(default)]
    limit: u8,
}

impl Arguments for Named {}

#[derive(Default)]
struct Lamps;

#[plugin(name = "lamps")]
impl Lamps {
    #[service(".set")]
    fn set(&mut self, Args(set): Args<Set>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.json(&json!([set.id, set.state, set.after]))
    }

    #[service(".list")]
    fn list(&mut self, named: Args<Named>) -> Result<u8, Error> {
        Ok(named.limit)
    }

    #[on("lamp.reported")]
    async fn reported(&mut self, cx: &Context, set: plugin_kit::Args<Set>) -> Result<(), Error> {
        cx.publish_value("lamp.seen", &set.state).await?;
        Ok(())
    }
}

fn started() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Lamps>(());
    rt.start().unwrap();
    rt
}

#[test]
fn all_forms_mean_the_same() {
    let mut rt = started();
    let on = json!({"on": true, "level": [1, 2.5, {"deep": null}]});
    for args in [
        json!({"id": "hall", "state": on}),
        json!({"id": "hall", "state": on, "after": null}),
        json!({"args": ["hall", on], "kwargs": {}}),
        json!({"args": ["hall"], "kwargs": {"state": on}}),
        json!({"args": [], "kwargs": {"device_id": "hall", "state": on}}),
    ] {
        assert_eq!(
            rt.call("lamps.set", &args),
            Ok(json!(["hall", on, null])),
            "{args}"
        );
    }
    for (args, limit) in [
        (json!(null), 0),
        (json!({}), 0),
        (json!({"limit": 5}), 5),
        (json!({"args": [], "kwargs": {"limit": 5}}), 5),
    ] {
        assert_eq!(rt.call("lamps.list", &args), Ok(json!(limit)), "{args}");
    }
    rt.publish("lamp.reported", &json!({"id": "hall", "state": on}))
        .unwrap();
    assert_eq!(rt.published()[0].payload, on);
}

#[test]
fn what_is_wrong_is_said_with_its_name_and_value() {
    let mut rt = started();
    let wrong = [
        (json!("hall"), "missing field `state`"),
        (json!(null), "missing field `id`"),
        (json!([1]), "id: invalid type: sequence, expected a string"),
        (
            json!({"id": "a", "state": {}, "after": "x"}),
            "after: invalid type: string \"x\", expected f64",
        ),
        (
            json!({"id": "a", "state": 5}),
            "state: invalid type: integer `5`, expected a map",
        ),
        (
            json!({"id": "a", "device_id": "b", "state": {}}),
            "unknown field `device_id`",
        ),
        (
            json!({"id": "a", "state": {}, "colour": 1}),
            "unknown field `colour`",
        ),
        (
            json!({"args": ["a", {}, 3], "kwargs": {}}),
            "3 arguments by place, at most 2 are wanted: id, state",
        ),
        (
            json!({"args": ["a"], "kwargs": {"device_id": "b", "state": {}}}),
            "id: it is there twice",
        ),
        (
            json!({"args": ["a"], "kwargs": {"id": "b"}}),
            "id: it is there twice",
        ),
        (
            json!({"args": ["a"], "kwargs": {}, "state": {}}),
            "unknown field `args`",
        ),
    ];
    for (args, message) in wrong {
        let error = rt.call("lamps.set", &args).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().starts_with(message), "{args}: {error}");
    }
    let error = rt.call("lamps.list", &5).unwrap_err();
    assert_eq!(
        error.message(),
        "arguments are by name here: an object is wanted, not 5"
    );
}

#[test]
fn the_schema_has_all_forms() {
    let set = schemars::schema_for!(Args<Set>).to_value();
    let [by_name, by_place] = &set["anyOf"].as_array().unwrap()[..] else {
        panic!("{set}");
    };
    assert_eq!(by_name["required"], json!(["id", "state"]));
    assert_eq!(by_place["properties"]["args"]["maxItems"], 2);
    let named = schemars::schema_for!(Args<Named>).to_value();
    assert_eq!(named["anyOf"][2], json!({"type": "null"}));
}
