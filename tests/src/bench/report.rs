//! What came out: a line of JSON for programs, a table for people.

use std::fmt;

use serde_json::{Value, json};

use super::stats::Summary;
use crate::mcu::Table;

/// What a figure should be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// Nothing in particular.
    None,
    /// The best peer's figure over ours at least.
    Ratio(f64),
    /// Ours over that of the smallest size at most.
    Growth(f64),
    /// Ours at most.
    AtMost(f64),
    /// Ours at least.
    AtLeast(f64),
}

/// Somebody else's figure for the same work.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who.
    pub name: String,
    /// The figure.
    pub value: Summary,
    /// Whether the goal counts it.
    pub counted: bool,
    /// By round: theirs over ours; where ours grows, ours over the smallest.
    pub ratio: Summary,
}

impl Peer {
    pub(crate) fn new(name: &str, values: &[f64], counted: bool, ratios: Vec<f64>) -> Peer {
        Peer {
            name: name.to_owned(),
            value: Summary::of(values),
            counted,
            ratio: Summary::of(&ratios),
        }
    }
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// What is counted; of an operation where it is a time.
    pub unit: &'static str,
    /// Ours.
    pub ours: Summary,
    /// The others'.
    pub peers: Vec<Peer>,
    /// What it should be.
    pub goal: Goal,
}

impl Row {
    /// A figure without peers.
    pub fn figure(name: &str, unit: &'static str, values: &[f64], goal: Goal) -> Row {
        Row {
            name: name.to_owned(),
            unit,
            ours: Summary::of(values),
            peers: Vec::new(),
            goal,
        }
    }

    /// The ratio that the goal is about: that of the best peer that counts.
    pub fn ratio(&self) -> Option<Summary> {
        let counted = self.peers.iter().filter(|peer| peer.counted);
        counted
            .map(|peer| peer.ratio)
            .min_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// Whether the goal is met; `None` where there is none.
    pub fn is_met(&self) -> Option<bool> {
        let ratio = self.ratio().map(|ratio| ratio.median);
        match self.goal {
            Goal::None => None,
            Goal::Ratio(least) => ratio.map(|ratio| ratio >= least),
            Goal::Growth(most) => ratio.map(|ratio| ratio <= most),
            Goal::AtMost(most) => Some(self.ours.median <= most),
            Goal::AtLeast(least) => Some(self.ours.median >= least),
        }
    }

    /// The line for programs.
    pub fn to_json(&self, section: &str) -> Value {
        let peers = self.peers.iter().map(|peer| {
            json!({
                "name": peer.name, "value": round(peer.value.median), "counted": peer.counted,
                "ratio": round(peer.ratio.median), "spread": round(peer.ratio.spread),
            })
        });
        let (kind, goal) = match self.goal {
            Goal::None => (None, None),
            Goal::Ratio(least) => (Some("ratio_at_least"), Some(least)),
            Goal::Growth(most) => (Some("ratio_at_most"), Some(most)),
            Goal::AtMost(most) => (Some("ours_at_most"), Some(most)),
            Goal::AtLeast(least) => (Some("ours_at_least"), Some(least)),
        };
        let ratio = self.ratio();
        json!({
            "section": section, "name": self.name, "unit": self.unit,
            "ours": round(self.ours.median), "ours_spread": round(self.ours.spread),
            "peers": peers.collect::<Vec<_>>(),
            "ratio": ratio.map(|ratio| round(ratio.median)),
            "spread": ratio.map(|ratio| round(ratio.spread)),
            "goal": goal, "goal_kind": kind, "met": self.is_met(),
        })
    }
}

/// Thousandths are more than any of these measurements can tell.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::None => Ok(()),
            Goal::Ratio(least) => write!(f, ">= {least}x"),
            Goal::Growth(most) => write!(f, "<= {most}x"),
            Goal::AtMost(most) => write!(f, "<= {}", figure(*most)),
            Goal::AtLeast(least) => write!(f, ">= {}", figure(*least)),
        }
    }
}

/// A number with about three digits that mean something, and commas.
fn figure(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The rows of a section as a table, a line for each peer.
pub fn table(rows: &[Row]) -> Table {
    let headings = [
        "work", "against", "unit", "ours", "theirs", "ratio", "spread", "goal", "met",
    ];
    let mut table = Table::new(3, &headings);
    for row in rows {
        let met = row.is_met().map_or("", |met| if met { "yes" } else { "no" });
        if row.peers.is_empty() {
            let ours = figure(row.ours.median);
            table.row(&[&row.name, &"", &row.unit, &ours, &"", &"", &"", &row.goal, &met]);
        }
        for peer in &row.peers {
            let goal = if peer.counted { row.goal } else { Goal::None };
            table.row(&[
                &row.name,
                &peer.name,
                &row.unit,
                &figure(row.ours.median),
                &figure(peer.value.median),
                &format!("{:.2}x", peer.ratio.median),
                &format!("{:.2}", peer.ratio.spread),
                &goal,
                &if peer.counted { met } else { "" },
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        assert_eq!(
            [figure(0.04), figure(99.94), figure(100.0)],
            ["0.0", "99.9", "100"]
        );
        assert_eq!([figure(1234.6), figure(1_000_000.0)], ["1,235", "1,000,000"]);
    }

    #[test]
    fn absolute_goals_are_about_ours() {
        let met = |goal| Row::figure("start", "ms", &[10.0, 20.0, 90.0], goal).is_met();
        assert_eq!(met(Goal::AtMost(30.0)), Some(true));
        assert_eq!(met(Goal::AtLeast(30.0)), Some(false));
        assert_eq!(met(Goal::None), None);
    }

    #[test]
    fn a_line_has_what_programs_look_for() {
        let peer = Peer::new("peer", &[4.0], true, vec![2.0]);
        let mut row = Row::figure("work", "ns", &[2.0], Goal::Ratio(1.5));
        row.peers.push(peer);
        let line = row.to_json("section");
        assert_eq!(line["ratio"], 2.0);
        assert_eq!(line["peers"][0]["value"], 4.0);
        assert_eq!(line["goal_kind"], "ratio_at_least");
        assert_eq!(line["met"], true);
    }
}
