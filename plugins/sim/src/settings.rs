//! What the configuration says.

use kernel_core::Error;
use serde::Deserialize;

use crate::people::NAMES;

/// The most devices of a kind.
const MOST: u16 = 1_000;

/// What the configuration says, in `[plugins.sim.settings]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What happens by chance is the same for the same seed.
    pub seed: u64,
    /// Whether `devices.create` and `devices.create_mapping` are called for every device.
    pub populate: bool,
    /// Lamps: 0 to 1,000, and so of each of the next.
    pub lamps: u16,
    /// Lamps that can be dimmed.
    pub dimmers: u16,
    /// Motion sensors.
    pub motion_sensors: u16,
    /// Door sensors; the first is at the front door.
    pub door_sensors: u16,
    /// Temperature sensors.
    pub temperature_sensors: u16,
    /// Thermostats.
    pub thermostats: u16,
    /// People: 0 to 8.
    pub people: u16,
    /// How often each device drops off, in a thousand hours: 0 to 1,000. It returns within an hour.
    pub drop_offs: u16,
    /// Milliseconds that a command takes at the most: 0 to 60,000.
    pub delay_ms: u32,
    /// Seconds after which a device reports although nothing changed: 1 to 3,600.
    pub report_seconds: u32,
    /// Milliseconds of one step: 100 to 60,000.
    pub step_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 1,
            populate: false,
            lamps: 6,
            dimmers: 2,
            motion_sensors: 3,
            door_sensors: 2,
            temperature_sensors: 3,
            thermostats: 1,
            people: 2,
            drop_offs: 5,
            delay_ms: 2_000,
            report_seconds: 120,
            step_ms: 1_000,
        }
    }
}

impl Settings {
    /// Checks what the types do not say.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let numbers = [
            ("lamps", self.lamps),
            ("dimmers", self.dimmers),
            ("motion_sensors", self.motion_sensors),
            ("door_sensors", self.door_sensors),
            ("temperature_sensors", self.temperature_sensors),
            ("thermostats", self.thermostats),
            ("drop_offs", self.drop_offs),
        ];
        for (what, number) in numbers {
            within(what, number.into(), 0, MOST.into())?;
        }
        within("people", self.people.into(), 0, NAMES.len() as u32)?;
        within("delay_ms", self.delay_ms, 0, 60_000)?;
        within("report_seconds", self.report_seconds, 1, 3_600)?;
        within("step_ms", self.step_ms, 100, 60_000)
    }
}

fn within(what: &str, value: u32, least: u32, most: u32) -> Result<(), Error> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_settings",
            format_args!("{what} is {value}: {least} to {most} is allowed"),
        )),
    }
}
