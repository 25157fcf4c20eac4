//! Whatever is done, in whatever order: what is known is what the rows say, before a restart and after it.

use devices::Devices;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

/// Steps of one run.
const STEPS: u32 = 400;

/// A small generator of numbers, the same for the same seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn device(&mut self) -> String {
        format!("device-x{}", self.below(6))
    }

    fn external(&mut self) -> String {
        format!("x{}", self.below(8))
    }

    fn state(&mut self) -> Value {
        match self.below(3) {
            0 => json!({"on": self.below(2) == 0}),
            1 => json!({"level": self.below(3)}),
            _ => json!({"on": self.below(2) == 0, "level": self.below(3)}),
        }
    }
}

/// One thing that is done; it may be refused.
fn step(rt: &mut TestRuntime, rng: &mut Rng) {
    let (id, external_id, state) = (rng.device(), rng.external(), rng.state());
    let (service, args) = match rng.below(12) {
        0 | 1 => ("devices.create", json!({"id": id})),
        2 => ("devices.delete", json!({"id": id})),
        3 | 4 => (
            "devices.create_mapping",
            json!({"external_id": external_id, "internal_id": id}),
        ),
        5 => ("devices.delete_mapping", json!({"external_id": external_id})),
        6 => ("devices.auto_map_external", json!({})),
        7 | 8 => ("devices.set_state", json!({"id": id, "state": state})),
        9 => ("devices.report", json!({"id": id, "state": state})),
        10 => {
            let found = json!({"external_id": external_id, "state": state});
            rt.publish("external.device_discovered", &found).unwrap();
            return;
        }
        _ => {
            let report = json!({"external_id": external_id, "state": state, "online": rng.below(4) > 0});
            rt.publish("external.device_state_reported", &report).unwrap();
            return;
        }
    };
    if let Err(error) = rt.call(service, &args) {
        assert_eq!(error.code(), "not_found", "{service} {args}: {error}");
    }
}

/// All that can be asked; with each device's `last_seen`, which is not written with each report, left out.
fn seen(rt: &mut TestRuntime) -> [Value; 3] {
    let lists = ["devices.list", "devices.list_mappings", "devices.list_external"];
    let mut lists = lists.map(|service| rt.call(service, &()).unwrap());
    for device in lists[0].as_array_mut().unwrap() {
        device["last_seen"] = json!(null);
    }
    lists
}

/// A device that is asked for something, and reports all of it, is not pending; and its mapping is the one that is
/// stored.
fn check(rt: &mut TestRuntime, seen: &[Value; 3]) {
    for device in seen[0].as_array().unwrap() {
        let id = device["id"].as_str().unwrap();
        let desired = device["state"]["desired"].as_object().unwrap();
        let is_met = desired
            .iter()
            .all(|(field, value)| device["state"]["reported"][field] == *value);
        if device["state"]["pending"] == true {
            let report = json!({"id": id, "state": desired});
            assert_eq!(
                rt.call("devices.report", &report).unwrap()["pending"],
                false,
                "{device}"
            );
        } else if is_met && !desired.is_empty() {
            let report = json!({"id": id, "state": desired});
            assert_eq!(
                rt.call("devices.report", &report).unwrap()["changed"],
                false,
                "{device}"
            );
        }
        let external = rt.call("devices.turn_on", &json!(id)).unwrap()["external_id"].clone();
        let mapped: Vec<&Value> = seen[1]
            .as_array()
            .unwrap()
            .iter()
            .filter(|mapping| mapping["internal_id"] == id)
            .map(|mapping| &mapping["external_id"])
            .collect();
        match mapped.is_empty() {
            true => assert_eq!(external, json!(null), "{id}"),
            false => assert!(mapped.contains(&&external), "{id}: {external} of {mapped:?}"),
        }
    }
}

#[test]
fn what_is_known_is_what_is_stored() {
    for seed in 0..20 {
        let mut rng = Rng(seed);
        let mut rt = TestRuntime::new();
        rt.add::<Devices>(());
        rt.start().unwrap();
        for number in 0..STEPS {
            step(&mut rt, &mut rng);
            if number % 50 == 49 {
                let before = seen(&mut rt);
                rt.stop().unwrap();
                rt.start().unwrap();
                assert_eq!(
                    seen(&mut rt),
                    before,
                    "seed {seed}, step {number}: another house after a restart"
                );
                check(&mut rt, &before);
            }
        }
        assert!(
            rt.rows("devices").len() + rt.rows("devices_mappings").len() > 0,
            "seed {seed} did nothing"
        );
    }
}
