//! A simulated day, and in the deep form a week: every command ends in a report, and nothing grows.

use std::collections::BTreeMap;
use std::time::Duration;

use devices::Devices;
use plugin_kit::test::TestRuntime;
use serde_json::{Map, Value, json};
use sim::Sim;
use tests::deep::{Rng, rounds};

use crate::{alone, memory};

/// More memory than this is growth, in KiB; less is what the allocator keeps.
const GROWTH: u64 = 1024;

struct House {
    rt: TestRuntime,
    /// What each device was asked for and has not reported, by its external id.
    open: BTreeMap<String, Map<String, Value>>,
    /// Whether each device that was heard of is on line.
    online: BTreeMap<String, bool>,
    counts: BTreeMap<String, u32>,
}

impl House {
    fn start() -> House {
        let mut rt = TestRuntime::new();
        rt.add::<Devices>(());
        rt.add::<Sim>(json!({"seed": 3, "populate": true, "drop_offs": 100}));
        // Nobody is asked in vain, which would be a line of the log each time.
        rt.fake("presence.set", |_| Ok(Value::Null));
        rt.fake("automation.list", |_| Ok(json!({"rules": []})));
        rt.fake("automation.create", |_| Ok(Value::Null));
        rt.start().unwrap();
        House {
            rt,
            open: BTreeMap::new(),
            online: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Lets time go by, and looks at all that was published.
    fn advance(&mut self, seconds: u64) {
        self.rt.advance(Duration::from_secs(seconds)).unwrap();
        for event in self.rt.take_published() {
            *self.counts.entry(event.topic.clone()).or_default() += 1;
            let text = |name: &str| event.payload[name].as_str().map(str::to_owned);
            match event.topic.as_str() {
                "internal.device_command_requested" => {
                    let asked = event.payload["params"].as_object().unwrap().clone();
                    self.open
                        .entry(text("external_id").unwrap())
                        .or_default()
                        .extend(asked);
                }
                "external.device_state_reported" => {
                    if let Some(open) = self.open.get_mut(&text("external_id").unwrap()) {
                        open.retain(|field, asked| !is_same(&event.payload["state"][field], asked));
                    }
                }
                "device.online" | "device.offline" => {
                    let online = event.topic == "device.online";
                    let before = self.online.insert(text("device_id").unwrap(), online);
                    assert_ne!(before, Some(online), "{event:?} was announced twice");
                }
                "device.state_changed" => assert_ne!(event.payload["old"], event.payload["new"]),
                _ => {}
            }
        }
    }

    fn command(&mut self, rng: &mut Rng) {
        let (service, args) = match rng.below(4) {
            0 => ("devices.turn_on", json!("lamp_kitchen")),
            1 => ("devices.turn_off", json!("lamp_living")),
            2 => {
                let state = json!({"brightness": 10 * (1 + rng.below(9))});
                (
                    "devices.set_state",
                    json!({"id": "dimmer_kitchen", "state": state}),
                )
            }
            _ => {
                let state = json!({"target": 18 + rng.below(5)});
                (
                    "devices.set_state",
                    json!({"id": "thermostat_kitchen", "state": state}),
                )
            }
        };
        self.rt.call(service, &args).unwrap();
    }

    fn devices(&mut self) -> Vec<Value> {
        let Value::Array(all) = self.rt.call("devices.list", &()).unwrap() else {
            panic!("a list is wanted");
        };
        all
    }

    fn rows(&self) -> [usize; 3] {
        let bytes = |namespace: &str| self.rt.rows(namespace).len();
        ["devices", "devices_mappings", "devices_external"].map(bytes)
    }
}

/// Whether two values are the same; 20 is the same as 20.0.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| Some(number) == other.as_f64())
}

#[test]
fn every_command_of_a_day_ends_in_a_report_and_nothing_grows() {
    let _alone = alone();
    let mut house = House::start();
    let mut rng = Rng::new(11);
    house.advance(60);
    assert_eq!(house.rows(), [17, 17, 17]);
    assert!(house.devices().iter().all(|device| device["online"] == true));
    let hours = rounds(24, 7 * 24) as usize;
    let mut memories = Vec::new();
    for _hour in 0..hours {
        for _minute in 0..60 {
            house.command(&mut rng);
            house.advance(60);
        }
        memories.push(memory());
    }
    // Whatever dropped off is back, and did what it was asked for.
    for _minute in 0..70 {
        house.advance(60);
    }
    house.open.retain(|_, open| !open.is_empty());
    assert!(house.open.is_empty(), "not met: {:?}", house.open);
    for device in house.devices() {
        assert_eq!(device["state"]["pending"], false, "{device}");
    }
    let count = |topic: &str| house.counts.get(topic).copied().unwrap_or(0);
    let commands = count("internal.device_command_requested");
    let (offline, online) = (count("device.offline"), count("device.online"));
    println!(
        "{hours} hours: {commands} commands, {} reports, {} changes, {offline} times off line; memory {} KiB after 6 of them, {} KiB at the end",
        count("external.device_state_reported"),
        count("device.state_changed"),
        memories[5],
        memories[hours - 1],
    );
    assert_eq!(commands as usize, hours * 60);
    assert!(offline > 10 && online >= offline, "{offline} {online}");
    assert_eq!(house.rows(), [17, 17, 17]);
    assert!(memories[hours - 1] <= memories[5] + GROWTH, "{memories:?}");
    let metrics = house.rt.runtime().metrics();
    assert_eq!((metrics.dropped, metrics.refused, metrics.timed_out), (0, 0, 0));
}

/// Devices that are populated twice are there once, and keep what somebody said of them.
#[test]
fn a_house_that_comes_again_is_the_same_house() {
    let _alone = alone();
    let mut house = House::start();
    house.advance(60);
    house
        .rt
        .call("devices.update", &json!({"id": "lamp_kitchen", "name": "Mine"}))
        .unwrap();
    house.rt.stop().unwrap();
    house.rt.start().unwrap();
    house.advance(60);
    assert_eq!(house.rows(), [17, 17, 17]);
    assert_eq!(
        house.rt.call("devices.get", "lamp_kitchen").unwrap()["name"],
        "Mine"
    );
    assert_eq!(house.rt.call("sim.status", &()).unwrap()["populated"], 17);
}
