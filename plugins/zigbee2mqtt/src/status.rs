//! What was done, and what was not, counted.

use std::collections::BTreeMap;

use plugin_kit::log;
use schemars::JsonSchema;
use serde::Serialize;

use crate::network::Skipped;

/// What was left out that a reply names.
const MOST_NAMED: usize = 50;

/// How it is with Zigbee2MQTT.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// Whether there are settings: without a broker nothing is done.
    pub configured: bool,
    /// Whether there is a connection to the broker.
    pub connected: bool,
    /// Whether Zigbee2MQTT says that it is on line.
    pub online: bool,
    /// Devices that are known.
    pub devices: usize,
    /// Groups that are known.
    pub groups: usize,
    /// Those of both that are on line.
    pub available: usize,
    /// What the lists of devices and groups have that is left out: all of it.
    pub skipped: usize,
    /// And the first fifty of it.
    pub skipped_first: Vec<Skipped>,
    /// Messages that came.
    pub messages: u64,
    /// Messages and values that were not taken, by the reason.
    pub refused: BTreeMap<String, u64>,
    /// Commands that were sent.
    pub commands: u64,
    /// Commands that were refused.
    pub commands_refused: u64,
    /// Why the last one of these was.
    pub last_refused: Option<String>,
}

/// What is counted as it goes.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) commands: u64,
    pub(crate) commands_refused: u64,
    pub(crate) last_refused: Option<String>,
    refused: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Counts what is not taken; of each reason the first one is said aloud.
    pub(crate) fn refuse(&mut self, why: &'static str, what: &str) {
        let count = self.refused.entry(why).or_default();
        *count += 1;
        match *count {
            1 => log::warn!("{what}: {why}; others are counted"),
            _ => log::debug!("{what}: {why}"),
        }
    }

    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        let refused = self.refused.iter();
        refused.map(|(why, count)| ((*why).to_owned(), *count)).collect()
    }
}

/// The first of what was left out.
pub(crate) fn first(skipped: &[Skipped]) -> Vec<Skipped> {
    skipped.iter().take(MOST_NAMED).cloned().collect()
}
