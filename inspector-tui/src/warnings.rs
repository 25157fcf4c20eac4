//! What is wrong, with whom, and what to do: from one snapshot to the next.

use std::sync::Arc;
use std::time::Instant;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something to look at.
    Warning,
    /// Something is lost or fails.
    Error,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A handler took longer than the plugin's budget.
    SlowHandler,
    /// A plugin's unread events grow.
    GrowingLag,
    /// A plugin lost events.
    Dropped,
    /// A capacity is near full, or full.
    Capacity,
    /// A plugin is restarted again and again.
    RestartLoop,
    /// A plugin has failed and stays so.
    Failed,
    /// Calls end by their deadline.
    TimedOut,
    /// A deprecated service is still called.
    Deprecated,
    /// Storage requests fail.
    Storage,
    /// Events are refused.
    Refused,
}

/// A warning.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// What is wrong.
    pub kind: Kind,
    /// How bad it is.
    pub level: Level,
    /// Who or what it is about: a plugin, or `runtime`.
    pub plugin: Arc<str>,
    /// The capacity or service it is about; empty for others.
    pub about: Arc<str>,
    /// What happened, with numbers.
    pub what: String,
    /// What to do.
    pub advice: &'static str,
    /// When it was first seen.
    pub first: Instant,
    /// When it was last seen.
    pub last: Instant,
    /// In how many snapshots it was seen.
    pub count: u64,
    /// When it was over; `None` while it goes on.
    pub over: Option<Instant>,
}

/// The warnings: those that go on, and the last ones that are over.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    list: Vec<Warning>,
}

impl Warnings {
    /// Those that go on, worst and newest first, then those that are over.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Warning> {
        self.list.iter()
    }

    /// How many go on.
    pub fn active(&self) -> usize {
        self.list.iter().filter(|warning| warning.over.is_none()).count()
    }
}
