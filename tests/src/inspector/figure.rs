//! A figure and its goal.

use std::fmt;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Percent of one core.
    Percent,
    /// Mebibytes.
    Mebibytes,
    /// Per second.
    PerSecond,
    /// A number of things.
    Count,
}

impl Unit {
    fn text(self) -> &'static str {
        match self {
            Unit::Millis => "ms",
            Unit::Percent => "% of a core",
            Unit::Mebibytes => "MiB",
            Unit::PerSecond => "/s",
            Unit::Count => "",
        }
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// Exactly this.
    Exactly(f64),
    /// It is only told.
    Told,
}

/// Something that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// What it should be.
    pub goal: Goal,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: f64, unit: Unit, goal: Goal) -> Self {
        Figure {
            name: name.into(),
            value,
            unit,
            goal,
        }
    }

    /// True when the goal is reached, or there is none.
    pub fn is_reached(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::Exactly(wanted) => self.value == wanted,
            Goal::Told => true,
        }
    }

    /// The goal, for people.
    pub fn goal(&self) -> String {
        match self.goal {
            Goal::AtMost(most) => format!("≤ {most} {}", self.unit.text()).trim_end().to_owned(),
            Goal::Exactly(wanted) => format!("= {wanted} {}", self.unit.text()).trim_end().to_owned(),
            Goal::Told => String::new(),
        }
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let (most, exactly) = match self.goal {
            Goal::AtMost(most) => (Some(most), None),
            Goal::Exactly(wanted) => (None, Some(wanted)),
            Goal::Told => (None, None),
        };
        serde_json::json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit.text(),
            "at_most": most,
            "exactly": exactly,
            "reached": self.is_reached(),
        })
        .to_string()
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Count => write!(f, "{:.0}", self.value),
            unit if self.value.abs() >= 100.0 => write!(f, "{:.0} {}", self.value, unit.text()),
            unit => write!(f, "{:.2} {}", self.value, unit.text()),
        }
    }
}

/// The value that this part (0 to 1) of the values is not above.
pub(super) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
