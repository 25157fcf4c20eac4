//! What was done, and what was not, counted.

use std::collections::BTreeMap;

use plugin_kit::log;
use schemars::JsonSchema;
use serde::Serialize;

/// The most reasons that are told apart: they come from elsewhere.
const MAX_REASONS: usize = 200;

/// How it is with the two directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// Whether there are settings: without a broker nothing is done.
    pub configured: bool,
    /// Whether there is a connection to the broker.
    pub connected: bool,
    /// Devices of the house that are offered.
    pub offered_devices: usize,
    /// Their entities.
    pub offered_entities: usize,
    /// Commands that came for them.
    pub commands_taken: u64,
    /// Devices that others offer.
    pub found_devices: usize,
    /// Their entities.
    pub found_entities: usize,
    /// Discovery messages that the settings leave out.
    pub ignored: u64,
    /// Messages, entities and values that were not taken, by the reason.
    pub refused: BTreeMap<String, u64>,
    /// Commands that were sent to what others offer.
    pub commands: u64,
    /// Those that were refused.
    pub commands_refused: u64,
    /// Why the last one of these was.
    pub last_refused: Option<String>,
}

/// What is not taken, by the reason.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    refused: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts what is not taken; of each reason the first one is said aloud.
    pub(crate) fn refuse(&mut self, why: &str, what: &str) {
        let why = match self.refused.len() >= MAX_REASONS && !self.refused.contains_key(why) {
            true => "other reasons",
            false => why,
        };
        let short: String = why.chars().take(200).collect();
        let count = self.refused.entry(short).or_default();
        *count += 1;
        match *count {
            1 => log::warn!("{what}: {why}; others are counted"),
            _ => log::debug!("{what}: {why}"),
        }
    }

    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        self.refused.clone()
    }
}
