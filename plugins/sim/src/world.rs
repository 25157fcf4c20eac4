//! The house: its devices, its air and its people, moved on step by step.

use alloc::vec::Vec;

use crate::climate::{Air, outside};
use crate::people::{Doing, doing};
use crate::rng::Rng;
use crate::settings::Settings;
use crate::thing::{Body, Fields, ROOMS, Thing};
use crate::time::Time;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
/// How far from its target a thermostat lets the air go, in tenths of a degree.
const HYSTERESIS: i64 = 3;

/// The house.
pub(crate) struct World {
    pub(crate) things: Vec<Thing>,
    air: [Air; ROOMS.len()],
    settings: Settings,
    /// Milliseconds since it began.
    pub(crate) now: u64,
    /// What each person did in the step before.
    people: Vec<Option<Doing>>,
}

/// What goes on in the house in this step.
struct Around {
    time: Time,
    span: u64,
    is_somebody_awake: bool,
    /// Somebody goes through the front door.
    passage: bool,
}

impl World {
    pub(crate) fn new(settings: &Settings) -> World {
        let mut things = Vec::new();
        let bodies = [
            (settings.lamps, Body::Lamp { on: false }),
            (
                settings.dimmers,
                Body::Dimmer {
                    on: false,
                    brightness: 100,
                },
            ),
            (settings.motion_sensors, Body::Motion { until: 0 }),
            (settings.door_sensors, Body::Door { until: 0 }),
            (settings.temperature_sensors, Body::Thermometer { tenths: 200 }),
            (
                settings.thermostats,
                Body::Thermostat {
                    tenths: 200,
                    target: 210,
                    heating: false,
                },
            ),
        ];
        for (count, body) in bodies {
            for number in 0..count.into() {
                let rng = Rng::new(settings.seed, things.len() as u64 + 1);
                things.push(Thing::new(number, body.clone(), rng));
            }
        }
        World {
            things,
            air: [Air::at(200); ROOMS.len()],
            settings: settings.clone(),
            now: 0,
            people: vec![None; settings.people.into()],
        }
    }

    /// Lets `span` milliseconds go by, up to this time of day: the devices that report, by their place.
    pub(crate) fn step(&mut self, span: u64, time: Time) -> Vec<usize> {
        self.now += span;
        let around = self.live(span, time);
        self.heat(&around);
        let mut reports = Vec::new();
        for index in 0..self.things.len() {
            if self.step_thing(index, &around) {
                reports.push(index);
            }
        }
        reports
    }

    fn live(&mut self, span: u64, time: Time) -> Around {
        let mut around = Around {
            time,
            span,
            is_somebody_awake: false,
            passage: false,
        };
        for (person, before) in self.people.iter_mut().enumerate() {
            let now = doing(self.settings.seed, person, time);
            around.is_somebody_awake |= now == Doing::Awake;
            around.passage |= before.is_some_and(|before| (before == Doing::Away) != (now == Doing::Away));
            *before = Some(now);
        }
        around
    }

    /// Who is at home; `None` before the first step.
    pub(crate) fn is_present(&self, person: usize) -> Option<bool> {
        let doing = self.people.get(person).copied().flatten();
        doing.map(|doing| doing != Doing::Away)
    }

    /// Each room is heated by its own thermostat, or else by the first one.
    fn heat(&mut self, around: &Around) {
        let heating = |thing: &Thing| match thing.body {
            Body::Thermostat { heating, .. } => Some(heating),
            _ => None,
        };
        let first = self.things.iter().find_map(heating).unwrap_or(false);
        let mut heated = [first; ROOMS.len()];
        for thing in &self.things {
            if let Some(heating) = heating(thing) {
                heated[thing.room] = heating;
            }
        }
        for (air, is_heated) in self.air.iter_mut().zip(heated) {
            air.pass(around.span, outside(around.time), is_heated);
        }
    }

    /// Moves a device on; whether it reports.
    fn step_thing(&mut self, index: usize, around: &Around) -> bool {
        let (now, air) = (self.now, &self.air);
        let Some(thing) = self.things.get_mut(index) else {
            return false;
        };
        let before = thing.body.state(now.saturating_sub(around.span));
        thing.body = moved(thing, around, air[thing.room], now);
        // It is moved while it is away as well, but nobody hears of it.
        if thing.away.is_some_and(|until| now < until) {
            return false;
        }
        if thing.away.take().is_some() {
            thing.reported = None;
        }
        let drops = u64::from(self.settings.drop_offs) * around.span;
        if drops > 0 && thing.rng.happens(1_000 * HOUR, drops) {
            thing.away = Some(now + thing.rng.between(60 * SECOND, HOUR));
            return false;
        }
        if let Some((due, asked)) = thing.todo.take() {
            if now < due {
                thing.todo = Some((due, asked));
            } else {
                thing.body.obey(&asked);
                thing.reported = None;
            }
        }
        let is_quiet = u64::from(self.settings.report_seconds) * SECOND;
        let is_due = thing.reported.is_none_or(|reported| now - reported >= is_quiet);
        if is_due || thing.body.state(now) != before {
            thing.reported = Some(now);
            return true;
        }
        false
    }

    /// Takes a command for the device that has this id here; false when there is none.
    pub(crate) fn command(&mut self, external_id: &str, asked: Fields) -> bool {
        let (now, most) = (self.now, self.settings.delay_ms.into());
        let Some(thing) = self.find(external_id) else {
            return false;
        };
        let due = now + thing.rng.between(0, most);
        thing.command(due, asked);
        true
    }

    /// Makes a device drop off; false when there is none.
    pub(crate) fn drop_off(&mut self, external_id: &str, span: u64) -> bool {
        let until = self.now + span;
        let found = self.find(external_id);
        found.map(|thing| thing.away = Some(until)).is_some()
    }

    fn find(&mut self, external_id: &str) -> Option<&mut Thing> {
        self.things
            .iter_mut()
            .find(|thing| thing.external_id == external_id)
    }
}

/// How a device is after this step.
fn moved(thing: &mut Thing, around: &Around, air: Air, now: u64) -> Body {
    let mut body = thing.body.clone();
    let is_evening = around.time.is_within(16, 23);
    let by_hand = body.is_lamp() && around.is_somebody_awake && is_evening;
    let switched = by_hand && thing.rng.happens(2 * HOUR, around.span);
    match &mut body {
        Body::Lamp { on } | Body::Dimmer { on, .. } => *on ^= switched,
        Body::Motion { until } => {
            if around.is_somebody_awake && thing.rng.happens(HOUR / 6, around.span) {
                *until = now + thing.rng.between(20 * SECOND, 60 * SECOND);
            }
        }
        Body::Door { until } => {
            let by_chance = around.is_somebody_awake && thing.rng.happens(3 * HOUR, around.span);
            if by_chance || (around.passage && thing.number == 0) {
                *until = now + thing.rng.between(5 * SECOND, 30 * SECOND);
            }
        }
        Body::Thermometer { tenths } => *tenths = air.tenths(),
        Body::Thermostat {
            tenths,
            target,
            heating,
        } => {
            *tenths = air.tenths();
            *heating = match *heating {
                true => *tenths < *target + HYSTERESIS,
                false => *tenths < *target - HYSTERESIS,
            };
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;
    use serde_json::json;

    fn settings() -> Settings {
        Settings {
            drop_offs: 0,
            ..Settings::default()
        }
    }

    /// A day in steps of a second: the reports, by device.
    fn day(world: &mut World) -> Vec<Vec<Fields>> {
        let mut all = vec![Vec::new(); world.things.len()];
        for second in 0..DAY {
            for index in world.step(SECOND, Time { day: 20_454, second }) {
                all[index].push(world.things[index].body.state(world.now));
            }
        }
        all
    }

    #[test]
    fn a_day_is_the_same_for_the_same_seed_and_another_for_another() {
        let run = |seed| {
            day(&mut World::new(&Settings {
                seed,
                ..Settings::default()
            }))
        };
        let one = run(1);
        assert_eq!(one, run(1));
        assert_ne!(one, run(2));
    }

    #[test]
    fn a_day_has_all_that_a_house_has() {
        let mut world = World::new(&settings());
        let reports = day(&mut world);
        for (thing, reports) in world.things.iter().zip(&reports) {
            assert!(
                reports.len() as u64 >= DAY / 121,
                "{}: {} reports",
                thing.id,
                reports.len()
            );
            let first = &reports[0];
            assert!(
                reports.iter().any(|report| report != first),
                "{}: nothing happens",
                thing.id
            );
            for temperature in reports
                .iter()
                .filter_map(|report| report.get("temperature")?.as_f64())
            {
                assert!((18.0..23.0).contains(&temperature), "{}: {temperature}", thing.id);
            }
        }
    }

    #[test]
    fn a_command_is_done_after_a_while_also_where_the_device_was_away() {
        let mut world = World::new(&settings());
        let time = Time {
            day: 20_454,
            second: 3 * 3_600,
        };
        world.step(SECOND, time);
        assert!(!world.command("sim-nothing", Fields::new()));
        let on = || json!({"on": true}).as_object().unwrap().clone();
        assert!(world.drop_off("sim-lamp_kitchen", 60 * SECOND));
        assert!(world.command("sim-lamp_kitchen", on()) && world.command("sim-lamp_living", on()));
        let mut done = [0; 2];
        for second in 1..100 {
            for index in world.step(SECOND, time) {
                if let Some(done @ 0) = done.get_mut(index)
                    && world.things[index].body == (Body::Lamp { on: true })
                {
                    *done = second;
                }
            }
        }
        assert_eq!(done[0], 60);
        assert!((1..=3).contains(&done[1]), "{done:?}");
    }

    #[test]
    fn devices_drop_off_as_often_as_is_said_and_return() {
        let mut world = World::new(&Settings {
            drop_offs: 1_000,
            ..settings()
        });
        let (mut away, mut steps) = (0, 0);
        for second in 0..DAY {
            world.step(SECOND, Time { day: 20_454, second });
            steps += world.things.len();
            away += world.things.iter().filter(|thing| thing.away.is_some()).count();
        }
        // Once an hour, for half an hour: a third of the time.
        let share = away * 100 / steps;
        assert!((25..42).contains(&share), "{share} %");
    }
}
