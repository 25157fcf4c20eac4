//! A house to try rules in.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use automation::AutomationPlugin;
use plugin_kit::kernel_core::Error;
use plugin_kit::schema::Described;
use plugin_kit::test::{Published, TestRuntime};
use serde_json::{Value, json};

/// A runtime with the plugin, and a lamp that notes what it is called with.
pub(crate) struct House {
    pub(crate) rt: TestRuntime,
    calls: Rc<RefCell<Vec<Value>>>,
    schema: (boon::Schemas, boon::SchemaIndex),
}

/// The schema of `automation.create`, by which hosts check rules before the plugin sees them.
fn schema() -> (boon::Schemas, boon::SchemaIndex) {
    let create = AutomationPlugin::services().remove(0);
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("schema:/", create.args.unwrap()).unwrap();
    let index = compiler.compile("schema:/", &mut schemas).unwrap();
    (schemas, index)
}

/// Long enough for a run that waits for nothing but answers that are there at once.
pub(crate) const SOON: Duration = Duration::from_millis(50);

/// 2026-01-01T00:00:00Z, when a test begins.
pub(crate) const BEGIN: u64 = 1_767_225_600;

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl House {
    pub(crate) fn new() -> House {
        House::with(json!({}))
    }

    pub(crate) fn with(settings: Value) -> House {
        let mut rt = TestRuntime::new();
        let calls = Rc::new(RefCell::new(Vec::new()));
        let noted = calls.clone();
        rt.fake("lamp.set", move |args| {
            noted.borrow_mut().push(args.clone());
            match args["broken"].as_bool() {
                Some(true) => Err(Error::new("broken", "the lamp is broken")),
                _ => Ok(json!({"ok": true, "args": args})),
            }
        });
        rt.add::<AutomationPlugin>(settings);
        rt.start().unwrap();
        House {
            rt,
            calls,
            schema: schema(),
        }
    }

    /// Creates a rule that calls the lamp with what triggered, unless it has other actions.
    pub(crate) fn rule(&mut self, id: &str, rule: Value) {
        let mut rule = rule;
        rule["id"] = json!(id);
        if rule.get("actions").is_none() {
            rule["actions"] = json!([{"service": "lamp.set", "args": {"$event": ""}}]);
        }
        let made = self.rt.call("automation.create", &rule);
        assert!(made.is_ok(), "{rule}: {made:?}");
        let (schemas, index) = &self.schema;
        let checked = schemas.validate(&rule, *index);
        assert!(checked.is_ok(), "{rule} does not fit its schema: {checked:?}");
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: Value) {
        self.rt.publish(topic, &payload).unwrap();
        self.pass(SOON);
    }

    /// Sets a state entry, as the operator.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        let text = value.to_string();
        let json = plugin_kit::kernel_core::Json::parse(&text).unwrap();
        self.rt.runtime().state().set(key, json).now().unwrap();
        self.pass(SOON);
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.rt.advance(span).unwrap();
    }

    /// What the lamp was called with since the last look.
    pub(crate) fn calls(&mut self) -> Vec<Value> {
        self.calls.borrow_mut().drain(..).collect()
    }

    pub(crate) fn published(&mut self, topic: &str) -> Vec<Value> {
        let published: Vec<Published> = self.rt.take_published();
        let those = published.into_iter().filter(|event| event.topic == topic);
        those.map(|event| event.payload).collect()
    }

    /// What became of the last triggers of a rule, the newest first.
    pub(crate) fn traces(&mut self, id: &str) -> Vec<Value> {
        let reply = self.rt.call("automation.trace", &json!({"id": id})).unwrap();
        reply["traces"].as_array().unwrap().clone()
    }

    pub(crate) fn outcomes(&mut self, id: &str) -> Vec<String> {
        let traces = self.traces(id);
        traces
            .iter()
            .map(|trace| trace["outcome"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn stats(&mut self) -> Value {
        self.rt.call("automation.stats", &()).unwrap()
    }

    /// The error of a rule that is refused; nothing is stored.
    pub(crate) fn refused(&mut self, rule: Value) -> String {
        let before = self.rt.rows("automation");
        let error = self.rt.call("automation.create", &rule).unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{rule}: {error}");
        assert_eq!(self.rt.rows("automation"), before);
        error.message().to_owned()
    }
}
