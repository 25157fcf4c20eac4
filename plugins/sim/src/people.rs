//! Who is at home: a plan for each person and day.

use crate::rng::Rng;
use crate::time::Time;

/// The people, as many of them as the settings say.
pub(crate) const NAMES: [&str; 8] = ["anna", "ben", "carla", "david", "eva", "finn", "greta", "hugo"];

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Asleep,
    Awake,
    Away,
}

/// A day of somebody, in seconds since midnight.
struct Plan {
    up: u64,
    leaves: u64,
    returns: u64,
    sleeps: u64,
}

impl Plan {
    fn of(seed: u64, person: usize, time: Time) -> Plan {
        let mut rng = Rng::new(seed, 1_000 * time.day + person as u64);
        let mut around = |hour: u64, minutes: u64| {
            let spread = minutes * 60;
            hour * 3_600 - spread + rng.below(2 * spread)
        };
        let sleeps = around(23, 50);
        if !time.is_weekend() {
            return Plan {
                up: around(7, 30),
                leaves: around(8, 25),
                returns: around(17, 90),
                sleeps,
            };
        }
        let (leaves, hours) = (around(12, 100), around(3, 100));
        Plan {
            up: around(9, 60),
            leaves,
            // Every other day of a weekend is spent at home.
            returns: leaves + hours * (hours % 2),
            sleeps,
        }
    }
}

/// What this person does at this time.
pub(crate) fn doing(seed: u64, person: usize, time: Time) -> Doing {
    let plan = Plan::of(seed, person, time);
    if (plan.leaves..plan.returns).contains(&time.second) {
        return Doing::Away;
    }
    match (plan.up..plan.sleeps).contains(&time.second) {
        true => Doing::Awake,
        false => Doing::Asleep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    #[test]
    fn everybody_has_a_day() {
        // A week from a Thursday on.
        for day in 20_454..20_461 {
            for person in 0..NAMES.len() {
                let at = |second| doing(5, person, Time { day, second });
                let (mut changes, mut away) = (0, 0);
                for second in (60..DAY).step_by(60) {
                    changes += u32::from(at(second) != at(second - 60));
                    away += u64::from(at(second) == Doing::Away);
                }
                assert_eq!(at(3 * 3_600), Doing::Asleep);
                assert_eq!(at(21 * 3_600), Doing::Awake);
                let time = Time { day, second: 0 };
                let expected = if time.is_weekend() { 0..=300 } else { 400..=800 };
                assert!(expected.contains(&away), "{away} minutes away");
                assert!((2..=4).contains(&changes), "{changes}");
            }
        }
    }
}
