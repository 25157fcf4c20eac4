//! What services take and answer, as JSON Schema.

use plugin_kit::prelude::*;
use plugin_kit::schema::Described;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Target<'a> {
    /// Where.
    room: &'a str,
    celsius: f32,
    #[serde(default)]
    until: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Heating {
    #[expect(dead_code, reason = "the schema has it")]
    On,
    Off,
}

#[derive(Default)]
struct Thermostat;

// The feature is one of the crate that the plugin is in.
#[plugin(name = "thermostat", schema = "schema")]
impl Thermostat {
    /// Sets the temperature
    /// to keep.
    ///
    /// And more.
    #[service(".set", examples = [r#"{"room": "kitchen", "celsius": 21.5}"#, "{}"])]
    async fn set(&mut self, target: Target<'_>) -> Result<Heating, Error> {
        let _ = (target.room, target.celsius, target.until);
        Ok(Heating::Off)
    }

    #[service(".text", reads)]
    fn text(&mut self, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.text("warm")
    }
}

#[test]
fn a_service_has_the_schema_of_its_types() {
    let [set, text] = &Thermostat::services()[..] else {
        panic!("{:?}", Thermostat::services());
    };
    assert_eq!(
        (set.name, set.description),
        ("thermostat.set", "Sets the temperature to keep.")
    );
    let args = set.args.as_ref().unwrap();
    assert_eq!(args["type"], "object");
    assert_eq!(args["required"], json!(["room", "celsius"]));
    assert_eq!(
        args["properties"]["room"],
        json!({"type": "string", "description": "Where."})
    );
    assert_eq!(set.returns.as_ref().unwrap()["enum"], json!(["on", "off"]));
    assert_eq!(
        set.examples,
        [json!({"room": "kitchen", "celsius": 21.5}), json!({})]
    );

    assert_eq!((text.name, text.description), ("thermostat.text", ""));
    assert_eq!((&text.args, &text.returns), (&None, &None));
    assert!(text.reads && !set.reads);
}
