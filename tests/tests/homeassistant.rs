//! The house in a real Home Assistant, and what speaks its discovery in the house: needs Home Assistant, which
//! `tests/run.sh homeassistant` installs.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::home_assistant::HomeAssistant;
use tests::listener::{Listener, publish};
use tests::mqtt::Broker;
use tests::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(120);
/// A lamp, as ESPHome says it.
const LAMP: &str = r#"{"schema": "json", "color_mode": true, "supported_color_modes": ["brightness"], "brightness": true,
    "name": "Lamp", "state_topic": "bedside/light/lamp/state", "command_topic": "bedside/light/lamp/command",
    "availability_topic": "bedside/status", "unique_id": "a4cf12-light",
    "device": {"identifiers": "a4cf12", "name": "bedside", "model": "d1_mini", "manufacturer": "Espressif"}}"#;
const SENSOR: &str = r#"{"dev_cla": "temperature", "unit_of_meas": "°C", "stat_cla": "measurement", "name": "Temperature",
    "stat_t": "bedside/sensor/temperature/state", "avty_t": "bedside/status", "uniq_id": "a4cf12-sensor",
    "dev": {"ids": "a4cf12", "name": "bedside"}}"#;

struct House {
    broker: Broker,
    runtime: Runtime,
    assistant: HomeAssistant,
}

impl House {
    fn new() -> House {
        let broker = Broker::start().unwrap();
        let mut runtime = Runtime::new().unwrap();
        let config = runtime.folder().join("house.toml");
        let text = format!(
            "[runtime]\nplugins = [\"devices\", \"homeassistant\", \"sim\", \"example\"]\n\
             [plugins.homeassistant.settings]\nbroker = \"mqtt://127.0.0.1:{}\"\nrefresh_seconds = 2\nreport_seconds = 2\n\
             [plugins.sim.settings]\npopulate = true\ndrop_offs = 0\npeople = 0\ndelay_ms = 100\n",
            broker.port()
        );
        std::fs::write(&config, text).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", config);
        // The simulated house is there in the demonstration alone.
        runtime.set_words(&["--demo"]);
        let assistant = HomeAssistant::new(broker.port()).unwrap();
        House {
            broker,
            runtime,
            assistant,
        }
    }

    fn call(&self, service: &str, args: &Value) -> Value {
        let reply = self.runtime.run(&format!("call {service} '{args}'")).unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    /// What our device reported in this field.
    fn reported(&self, id: &str, field: &str) -> Value {
        let args = json!({"id": id});
        let device = self
            .runtime
            .run(&format!("call devices.get '{args}'"))
            .unwrap_or_default();
        serde_json::from_str::<Value>(&device).unwrap_or_default()["state"]["reported"][field].clone()
    }

    fn set(&self, id: &str, state: Value) {
        self.call("devices.set_state", &json!({"id": id, "state": state}));
    }

    fn say(&self, topic: &str, payload: &str) {
        publish(&self.broker, topic, payload, true).unwrap();
    }

    /// The state of an entity of Home Assistant.
    fn is(&self, entity: &str) -> String {
        self.assistant.entity(entity)["state"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }

    fn until(&self, what: &str, mut yes: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !yes() {
            if begun.elapsed() > PATIENCE {
                let status = self.runtime.run("call homeassistant.status '{}'");
                panic!(
                    "never: {what}: {status:?}: {:?}: {}",
                    self.assistant.entities(),
                    self.assistant.log()
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
        println!("{:>6.1} s  {what}", begun.elapsed().as_secs_f32());
    }

    /// A lamp of ours is in Home Assistant, its state follows, and it is switched from there.
    fn our_lamp_works(&self) {
        let lamp = "light.kitchen_lamp";
        self.until("our lamp is there, with a state", || {
            ["on", "off"].contains(&self.is(lamp).as_str())
        });
        for (on, word) in [(true, "on"), (false, "off")] {
            self.set("lamp_kitchen", json!({"on": on}));
            self.until(&format!("it is {word} in Home Assistant"), || {
                self.is(lamp) == word
            });
        }
        self.assistant
            .call("light/turn_on", &json!({"entity_id": lamp}))
            .unwrap();
        self.until("Home Assistant switched it on", || {
            self.reported("lamp_kitchen", "on") == true
        });
        self.until("and knows", || self.is(lamp) == "on");
        self.assistant
            .call("light/turn_off", &json!({"entity_id": lamp}))
            .unwrap();
        self.until("Home Assistant switched it off", || {
            self.reported("lamp_kitchen", "on") == false
        });
    }

    /// The device that speaks discovery works in both.
    fn the_found_lamp_works(&self) {
        let (ours, theirs) = ("device-homeassistant-a4cf12", "light.bedside_lamp");
        let commands = Listener::start(&self.broker, "bedside/light/lamp/command").unwrap();
        self.say("bedside/light/lamp/state", r#"{"state":"ON","brightness":128}"#);
        self.until("the found lamp is on in the house", || {
            self.reported(ours, "on") == true
        });
        assert_eq!(self.reported(ours, "brightness"), 50);
        self.until("and in Home Assistant", || self.is(theirs) == "on");
        self.set(ours, json!({"on": true, "brightness": 20}));
        let (_, payload) = commands.until("the command of the house", |_, _| true).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&payload).unwrap(),
            json!({"state": "ON", "brightness": 51})
        );
        self.assistant
            .call("light/turn_off", &json!({"entity_id": theirs}))
            .unwrap();
        let (_, payload) = commands
            .until("the command of Home Assistant", |_, _| true)
            .unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&payload).unwrap(),
            json!({"state": "OFF"})
        );
        self.say("bedside/light/lamp/state", r#"{"state":"OFF"}"#);
        self.until("the found lamp is off in the house", || {
            self.reported(ours, "on") == false
        });
        self.until("and off in Home Assistant", || self.is(theirs) == "off");
    }
}

#[test]
#[ignore = "needs Home Assistant: tests/run.sh homeassistant"]
fn a_real_home_assistant() {
    let mut house = House::new();

    println!("Home Assistant first, then the runtime");
    house.assistant.start().unwrap();
    house.runtime.start_again().unwrap();
    house.our_lamp_works();

    // More than lamps.
    let dimmer = "light.kitchen_dimmer";
    let entities = house.assistant.entities();
    println!("entities: {entities:?}");
    house
        .assistant
        .call(
            "light/turn_on",
            &json!({"entity_id": dimmer, "brightness_pct": 80}),
        )
        .unwrap();
    house.until("the dimmer is at 80 %", || {
        house.reported("dimmer_kitchen", "brightness") == 80
    });
    house.until("and Home Assistant shows it", || {
        house.assistant.entity(dimmer)["attributes"]["brightness"] == 204
    });
    let climate = "climate.kitchen_thermostat";
    house
        .assistant
        .call(
            "climate/set_temperature",
            &json!({"entity_id": climate, "temperature": 23.5}),
        )
        .unwrap();
    house.until("the thermostat has its target", || {
        house.reported("thermostat_kitchen", "target") == 23.5
    });
    house.until("and Home Assistant shows it", || {
        house.assistant.entity(climate)["attributes"]["temperature"] == 23.5
    });
    let temperature = entities
        .iter()
        .find(|id| id.starts_with("sensor.") && id.ends_with("temperature"))
        .unwrap();
    let sensor = house.assistant.entity(temperature);
    assert_eq!(sensor["attributes"]["unit_of_measurement"], "°C", "{sensor}");
    assert_eq!(sensor["attributes"]["device_class"], "temperature", "{sensor}");

    println!("A device that speaks discovery");
    let before = house.call("homeassistant.status", &json!({}));
    house.say("homeassistant/light/bedside/lamp/config", LAMP);
    house.say("homeassistant/sensor/bedside/temperature/config", SENSOR);
    house.say("bedside/status", "online");
    house.say("bedside/sensor/temperature/state", "21.5");
    house.until("it is in Home Assistant", || {
        house.is("sensor.bedside_temperature") == "21.5"
    });
    house.until("it is in the house", || {
        house.reported("device-homeassistant-a4cf12", "temperature") == 21.5
    });
    house.the_found_lamp_works();
    let status = house.call("homeassistant.status", &json!({}));
    assert_eq!(
        (&status["found_devices"], &status["found_entities"]),
        (&json!(1), &json!(2)),
        "{status}"
    );
    assert_eq!(
        status["offered_devices"], before["offered_devices"],
        "what was found is not offered"
    );

    println!("Home Assistant restarted");
    house.assistant.kill();
    house.set("lamp_kitchen", json!({"on": true}));
    house.assistant.start().unwrap();
    house.until("what changed meanwhile is there", || {
        house.is("light.kitchen_lamp") == "on"
    });
    house.our_lamp_works();

    println!("The runtime restarted");
    house.runtime.kill();
    house.until("it is not available", || {
        house.is("light.kitchen_lamp") == "unavailable"
    });
    house.runtime.start_again().unwrap();
    house.our_lamp_works();
    house.the_found_lamp_works();

    println!("Both restarted: the runtime first, then Home Assistant");
    house.assistant.kill();
    house.runtime.kill();
    house.runtime.start_again().unwrap();
    house.assistant.start().unwrap();
    house.our_lamp_works();
    house.the_found_lamp_works();

    println!("Names, and what is gone");
    house.call("devices.update", &json!({"id": "lamp_kitchen", "name": "Sun"}));
    house.until("it has its new name", || {
        house.assistant.entity("light.kitchen_lamp")["attributes"]["friendly_name"] == "Sun"
    });
    house.call("devices.delete", &json!({"id": "lamp_kitchen"}));
    house.until("it is gone", || house.is("light.kitchen_lamp") == "none");
    house.say("homeassistant/light/bedside/lamp/config", "");
    house.say("homeassistant/sensor/bedside/temperature/config", "");
    house.until("what was found is gone", || {
        house.call("homeassistant.status", &json!({}))["found_devices"] == 0
    });

    let status = house.call("homeassistant.status", &json!({}));
    assert_eq!(status["refused"], json!({}), "{status}");
    let complaints = house.assistant.complaints();
    assert_eq!(complaints, [""; 0]);
    println!("{status}");
}
