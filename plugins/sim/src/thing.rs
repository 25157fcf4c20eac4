//! One simulated device.

use alloc::string::String;

use serde_json::{Map, Value, json};

use crate::rng::Rng;

/// Fields by name, each any JSON value.
pub(crate) type Fields = Map<String, Value>;

/// The rooms of the house.
pub(crate) const ROOMS: [(&str, &str); 8] = [
    ("kitchen", "Kitchen"),
    ("living", "Living room"),
    ("bedroom", "Bedroom"),
    ("hall", "Hall"),
    ("bath", "Bathroom"),
    ("office", "Office"),
    ("nursery", "Nursery"),
    ("attic", "Attic"),
];

/// What a device is, and how it is. Times are milliseconds of the simulation, temperatures tenths of a degree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Lamp { on: bool },
    Dimmer { on: bool, brightness: u64 },
    Motion { until: u64 },
    Door { until: u64 },
    Thermometer { tenths: i64 },
    Thermostat { tenths: i64, target: i64, heating: bool },
}

impl Body {
    /// What stands in its ids, its type, and its name for people.
    pub(crate) fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Body::Lamp { .. } => ("lamp", "light", "lamp"),
            Body::Dimmer { .. } => ("dimmer", "light", "dimmer"),
            Body::Motion { .. } => ("motion", "motion_sensor", "motion sensor"),
            Body::Door { .. } => ("door", "door_sensor", "door"),
            Body::Thermometer { .. } => ("temperature", "temperature_sensor", "thermometer"),
            Body::Thermostat { .. } => ("thermostat", "thermostat", "thermostat"),
        }
    }

    /// What it reports at this time.
    pub(crate) fn state(&self, now: u64) -> Fields {
        let celsius = |tenths: i64| tenths as f64 / 10.0;
        let state = match *self {
            Body::Lamp { on } => json!({"on": on}),
            Body::Dimmer { on, brightness } => json!({"on": on, "brightness": brightness}),
            Body::Motion { until } => json!({"motion": now < until}),
            Body::Door { until } => json!({"open": now < until}),
            Body::Thermometer { tenths } => json!({"temperature": celsius(tenths)}),
            Body::Thermostat {
                tenths,
                target,
                heating,
            } => json!({"temperature": celsius(tenths), "target": celsius(target), "heating": heating}),
        };
        match state {
            Value::Object(fields) => fields,
            _ => Fields::new(),
        }
    }

    /// Does what is asked for; what it cannot do it leaves.
    pub(crate) fn obey(&mut self, asked: &Fields) {
        let flag = |name| asked.get(name).and_then(Value::as_bool);
        match self {
            Body::Lamp { on } => *on = flag("on").unwrap_or(*on),
            Body::Dimmer { on, brightness } => {
                if let Some(asked) = asked.get("brightness").and_then(Value::as_u64) {
                    *brightness = asked.min(100);
                    *on = *brightness > 0;
                }
                *on = flag("on").unwrap_or(*on);
            }
            Body::Thermostat { target, .. } => {
                if let Some(asked) = asked.get("target").and_then(Value::as_f64) {
                    *target = (asked.clamp(5.0, 30.0) * 10.0 + 0.5) as i64;
                }
            }
            Body::Motion { .. } | Body::Door { .. } | Body::Thermometer { .. } => {}
        }
    }

    /// Whether it is a lamp, which people switch by hand.
    pub(crate) fn is_lamp(&self) -> bool {
        matches!(self, Body::Lamp { .. } | Body::Dimmer { .. })
    }
}

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    /// The id that it gets where the house is populated.
    pub(crate) id: String,
    /// The id that this integration knows it by.
    pub(crate) external_id: String,
    /// Its place in [`ROOMS`].
    pub(crate) room: usize,
    /// Its number of those of its kind.
    pub(crate) number: usize,
    pub(crate) body: Body,
    /// What it reported when it was found.
    pub(crate) found: Fields,
    pub(crate) rng: Rng,
    /// What it was asked for, and when that is done.
    pub(crate) todo: Option<(u64, Fields)>,
    /// Until when it is not to be reached.
    pub(crate) away: Option<u64>,
    /// When it reported last; `None` where it is to report.
    pub(crate) reported: Option<u64>,
}

impl Thing {
    /// The device of this number of its kind.
    pub(crate) fn new(number: usize, body: Body, rng: Rng) -> Thing {
        let (kind, ..) = body.names();
        let (room, round) = (number % ROOMS.len(), number / ROOMS.len());
        let (place, _) = ROOMS[room];
        let id = match round {
            0 => format!("{kind}_{place}"),
            _ => format!("{kind}_{place}_{}", round + 1),
        };
        Thing {
            external_id: format!("sim-{id}"),
            id,
            room,
            number,
            found: body.state(0),
            body,
            rng,
            todo: None,
            away: None,
            reported: None,
        }
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> String {
        let (_, _, kind) = self.body.names();
        let (_, room) = ROOMS[self.room];
        match self.number / ROOMS.len() {
            0 => format!("{room} {kind}"),
            round => format!("{room} {kind} {}", round + 1),
        }
    }

    /// Takes a command, which is done at this time at the latest, with those that wait.
    pub(crate) fn command(&mut self, due: u64, asked: Fields) {
        let (_, fields) = self.todo.get_or_insert((due, Fields::new()));
        fields.extend(asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obeyed(mut body: Body, asked: Value) -> Value {
        body.obey(asked.as_object().unwrap());
        Value::Object(body.state(0))
    }

    #[test]
    fn devices_do_what_they_can() {
        let lamp = Body::Lamp { on: false };
        assert_eq!(obeyed(lamp.clone(), json!({"on": true})), json!({"on": true}));
        assert_eq!(
            obeyed(lamp, json!({"on": "yes", "colour": 1})),
            json!({"on": false})
        );
        let dimmer = Body::Dimmer {
            on: false,
            brightness: 100,
        };
        assert_eq!(
            obeyed(dimmer.clone(), json!({"brightness": 40})),
            json!({"on": true, "brightness": 40})
        );
        assert_eq!(
            obeyed(dimmer, json!({"brightness": 40, "on": false})),
            json!({"on": false, "brightness": 40})
        );
        let thermostat = Body::Thermostat {
            tenths: 195,
            target: 210,
            heating: true,
        };
        let state = json!({"temperature": 19.5, "target": 22.5, "heating": true});
        assert_eq!(obeyed(thermostat, json!({"target": 22.5})), state);
        assert_eq!(
            obeyed(Body::Door { until: 5 }, json!({"open": false})),
            json!({"open": true})
        );
    }

    #[test]
    fn ids_are_of_kind_and_room() {
        let lamp = |number| Thing::new(number, Body::Lamp { on: false }, Rng::new(1, 1));
        assert_eq!(
            (lamp(0).id.as_str(), lamp(0).external_id.as_str()),
            ("lamp_kitchen", "sim-lamp_kitchen")
        );
        assert_eq!(
            (lamp(9).id.as_str(), lamp(9).name().as_str()),
            ("lamp_living_2", "Living room lamp 2")
        );
    }

    #[test]
    fn commands_that_wait_are_done_together() {
        let mut lamp = Thing::new(0, Body::Lamp { on: false }, Rng::new(1, 1));
        lamp.command(100, json!({"on": true, "x": 1}).as_object().unwrap().clone());
        lamp.command(900, json!({"on": false}).as_object().unwrap().clone());
        let (due, fields) = lamp.todo.unwrap();
        assert_eq!((due, Value::Object(fields)), (100, json!({"on": false, "x": 1})));
    }
}
