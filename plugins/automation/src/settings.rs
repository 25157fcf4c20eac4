//! The settings.

use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::Error;
use kernel_core::subject::check_filter;
use serde::Deserialize;

use crate::time::{Place, Zone};

/// The most traces that a rule may keep.
pub(crate) const MAX_TRACES: u32 = 1_000;

/// The settings of the plugin; each may be left out.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The time zone: an IANA name such as `Europe/Berlin` (on a host), or a POSIX string such as
    /// `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub timezone: String,
    /// Degrees, north being positive; for sunrise and sunset.
    pub latitude: Option<f64>,
    /// Degrees, east being positive.
    pub longitude: Option<f64>,
    /// Filters of the services that rules may not call: whoever may create a rule could do by it what he may not do
    /// himself. `auth.>`, `users.>`, `plugins.>` and `storage` unless it is said.
    pub forbidden_services: Vec<String>,
    /// The most rules.
    pub max_rules: u32,
    /// The most subscriptions. Where the rules' triggers have more filters, fewer that cover them are subscribed to.
    pub max_filters: u32,
    /// The most runs at the same time, of all rules together.
    pub max_runs: u32,
    /// The most runs of one rule in a minute: a rule that has more is taken to trigger itself, and rests for a minute.
    pub max_runs_per_minute: u32,
    /// How many of the last runs each rule keeps for `automation.trace`; one of three actions takes 1 to 2 KB.
    pub traces: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let host = cfg!(feature = "host");
        let of = |on_a_host, on_a_chip| if host { on_a_host } else { on_a_chip };
        Settings {
            timezone: String::from("UTC"),
            latitude: None,
            longitude: None,
            forbidden_services: ["auth.>", "users.>", "plugins.>", "storage"]
                .map(String::from)
                .to_vec(),
            max_rules: of(10_000, 32),
            max_filters: of(512, 8),
            max_runs: of(256, 8),
            max_runs_per_minute: of(600, 120),
            traces: of(10, 3),
        }
    }
}

impl Settings {
    /// The zone; or which setting is wrong.
    pub(crate) fn check(&self) -> Result<Zone, Error> {
        let limits = [
            ("max_rules", self.max_rules, 1, 100_000),
            ("max_filters", self.max_filters, 1, 100_000),
            ("max_runs", self.max_runs, 1, 10_000),
            ("max_runs_per_minute", self.max_runs_per_minute, 1, 100_000),
            ("traces", self.traces, 0, MAX_TRACES),
        ];
        for (name, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                return Err(invalid(format_args!(
                    "{name}: {value} is not from {least} to {most}"
                )));
            }
        }
        for filter in &self.forbidden_services {
            check_filter(filter)
                .map_err(|fault| invalid(format_args!("forbidden_services: {filter:?}: {fault}")))?;
        }
        let degrees = |name: &str, value: f64, most: f64| match (-most..=most).contains(&value) {
            true => Ok(value),
            false => Err(invalid(format_args!(
                "{name}: {value} is not from -{most} to {most}"
            ))),
        };
        let place = match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => Some(Place {
                latitude: degrees("latitude", latitude, 90.0)?,
                longitude: degrees("longitude", longitude, 180.0)?,
            }),
            (None, None) => None,
            _ => {
                return Err(invalid(format_args!(
                    "latitude and longitude go together: one is missing"
                )));
            }
        };
        Zone::new(&self.timezone, place).map_err(|_| {
            let (name, kind) = (
                &self.timezone,
                match cfg!(feature = "host") {
                    true => "an IANA name such as Europe/Berlin, nor a POSIX string",
                    false => "a POSIX string",
                },
            );
            invalid(format_args!(
                "timezone: {name:?} is not {kind} such as CET-1CEST,M3.5.0,M10.5.0/3"
            ))
        })
    }
}

fn invalid(why: core::fmt::Arguments<'_>) -> Error {
    Error::format("invalid_settings", why)
}
