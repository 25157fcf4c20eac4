//! A runtime with bridges, and waiting for conditions.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::runtime::Runtime;

/// How long is waited for what should come soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `check` returns a value.
pub(crate) fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The program with these bridges: name, what it is, and settings in TOML.
pub(crate) struct House(pub(crate) Runtime);

impl House {
    pub(crate) fn start(bridges: &[(&str, &str)]) -> House {
        let mut house = House::prepare(bridges);
        house.0.start_again().unwrap();
        house
    }

    pub(crate) fn prepare(bridges: &[(&str, &str)]) -> House {
        let mut runtime = Runtime::new().unwrap();
        let names: Vec<_> = bridges
            .iter()
            .map(|(name, _)| *name)
            .chain(["example", "mqtt"])
            .collect();
        let mut config = format!("[runtime]\nplugins = {}\n", json!(names));
        for (name, settings) in bridges {
            writeln!(config, "[plugins.{name}]").unwrap();
            if *name != "mqtt" {
                writeln!(config, "is = \"mqtt\"").unwrap();
            }
            writeln!(config, "[plugins.{name}.settings]\n{settings}").unwrap();
        }
        let file = runtime.folder().join("runtime.toml");
        std::fs::write(&file, config).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", file);
        House(runtime)
    }

    pub(crate) fn call(&self, service: &str, args: &Value) -> Result<Value, String> {
        let reply = self.0.run(&format!("call {service} '{args}'"))?;
        Ok(serde_json::from_str(&reply).unwrap())
    }

    pub(crate) fn publish(&self, topic: &str, payload: &Value) {
        self.0.run(&format!("publish {topic} '{payload}'")).unwrap();
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        self.call(&format!("{name}.status"), &Value::Null).unwrap()
    }

    pub(crate) fn until_connected(&self, name: &str) {
        until(&format!("{name} is connected"), || {
            (self.status(name)["connected"] == true).then_some(())
        });
    }

    /// The payloads of the first events of this filter, once there are so many.
    pub(crate) fn events(&self, filter: &str, count: usize) -> Vec<(String, Value)> {
        let lines = self
            .0
            .run(&format!("watch '{filter}' --since 1 --count {count} --json"));
        let lines = lines.unwrap();
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            (
                event["topic"].as_str().unwrap().to_owned(),
                event["payload"].clone(),
            )
        };
        lines.lines().map(event).collect()
    }
}
