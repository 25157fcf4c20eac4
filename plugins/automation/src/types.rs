//! What the services take and answer.

use alloc::string::String;
use alloc::vec::Vec;

use plugin_kit::Arguments;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::Place;
use crate::trace::Trace;

/// A rule: see the crate's documentation for its grammar.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct RuleDocument(pub Map<String, Value>);

impl Arguments for RuleDocument {}

/// What is to be changed of a rule: its id, and members of a [`RuleDocument`], of which null takes one out.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct RuleChange(pub Map<String, Value>);

impl Arguments for RuleChange {}

/// The arguments of what is for one rule.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// Its id.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 64)))]
    pub id: String,
}

impl Arguments for Id {
    const NAMES: &'static [&'static str] = &["id"];
}

/// The arguments of `automation.list`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ListRules {
    /// Those whose ids come after this one; the empty text for all.
    #[cfg_attr(feature = "host", schemars(length(max = 64)))]
    pub after: String,
    /// How many at most; 50 unless it is said.
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 100)))]
    pub limit: Option<u32>,
}

impl Arguments for ListRules {}

/// The arguments of `automation.trigger`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TriggerRule {
    /// The rule's id.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 64)))]
    pub id: String,
    /// What the rule sees under `/payload`.
    #[serde(default)]
    pub payload: Value,
    /// Whether it runs even though its conditions do not hold.
    #[serde(default)]
    pub skip_conditions: bool,
}

impl Arguments for TriggerRule {
    const NAMES: &'static [&'static str] = &["id", "payload"];
}

/// The arguments of `automation.trace`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TraceRule {
    /// The rule's id.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 64)))]
    pub id: String,
    /// How many at most; all that are kept unless it is said.
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u32>,
}

impl Arguments for TraceRule {
    const NAMES: &'static [&'static str] = &["id", "limit"];
}

/// A rule, in short.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct RuleInfo {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Whether its triggers count.
    pub enabled: bool,
    /// What happens when it is triggered while it runs.
    pub mode: &'static str,
    /// How many runs are under way or wait.
    pub active: usize,
    /// How many runs there were since the plugin started.
    pub runs: u64,
    /// When the last one began: milliseconds of the Unix epoch.
    pub last_run: Option<i64>,
}

impl RuleInfo {
    pub(crate) fn of(place: &Place) -> RuleInfo {
        RuleInfo {
            id: place.rule.id.clone(),
            name: place.rule.name.clone(),
            enabled: place.rule.enabled,
            mode: place.rule.mode.name(),
            active: place.active(),
            runs: place.count,
            last_run: place.last_run,
        }
    }
}

/// The answer of `automation.get`, `automation.create` and `automation.update`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct RuleState {
    /// The rule in short.
    #[serde(flatten)]
    pub info: RuleInfo,
    /// The rule as it was created.
    pub rule: Map<String, Value>,
}

/// The answer of `automation.list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Rules {
    /// The rules, by their ids.
    pub rules: Vec<RuleInfo>,
    /// Where to go on: `after` of the next list; none when this is the last.
    pub next: Option<String>,
    /// How many there are together.
    pub total: usize,
    /// Rows of the storage that are no rules, at most 20 of them, with the reason. They are left as they are;
    /// `automation.delete` deletes one.
    pub skipped: Vec<SkippedRule>,
    /// How many of those there are together.
    pub skipped_total: usize,
}

/// A row of the storage that is no rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct SkippedRule {
    /// Its key.
    pub id: String,
    /// Why.
    pub error: String,
}

/// The answer of `automation.trigger`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Triggered {
    /// The run's number; none when it did not begin.
    pub run: Option<u64>,
    /// What was against it.
    pub refused: Option<Trace>,
}

/// The answer of `automation.trace`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Traces {
    /// The runs that are under way, then those that ended or did not begin; the newest first.
    pub traces: Vec<Trace>,
}

/// The answer of `automation.stats`: counted since the plugin started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Stats {
    /// Rules.
    pub rules: usize,
    /// Runs that are under way or wait.
    pub active: usize,
    /// Subscriptions.
    pub filters: usize,
    /// Whether they cover more than what the triggers want, because there would be too many.
    pub covering: bool,
    /// Events that came.
    pub events: u64,
    /// Triggers whose filter matched one.
    pub candidates: u64,
    /// Places of the index of filters that were looked at for them.
    pub steps: u64,
    /// Events that were lost because there were too many at once.
    pub lost_events: u64,
    /// Runs that began.
    pub runs: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Triggers that a condition stopped.
    pub stopped: u64,
    /// Triggers that the mode, a limit or the guard was against.
    pub refused: u64,
}
