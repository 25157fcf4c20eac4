//! What is wrong, with whom, and what to do: from one snapshot to the next.

mod find;
mod warned;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::facts::{LostAt, Snapshot};
use find::Finding;

/// How long something that happens now and then counts as going on after it happened.
const HOLD: Duration = Duration::from_secs(10);
/// How many that are over are kept.
const KEPT: usize = 100;
/// Restarts further apart than this are no loop.
pub const RESTART_WINDOW: Duration = Duration::from_secs(60);

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
    /// The inspector missed events.
    Missed,
    /// A handler returned an error.
    HandlerFailed,
    /// Plugins answer one another's events without end.
    EventCycle,
    /// A plugin wanted more than its share of a capacity.
    ShareUsed,
    /// The storage's database cannot be written or read.
    StorageFault,
}

impl Kind {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Kind::SlowHandler => "slow handler",
            Kind::GrowingLag => "growing lag",
            Kind::Dropped => "dropped events",
            Kind::Capacity => "capacity near full",
            Kind::RestartLoop => "restart loop",
            Kind::Failed => "failed",
            Kind::TimedOut => "calls timing out",
            Kind::Deprecated => "deprecated service called",
            Kind::Storage => "storage errors",
            Kind::Refused => "events refused",
            Kind::Missed => "events missed",
            Kind::HandlerFailed => "handler failed",
            Kind::EventCycle => "event cycle",
            Kind::ShareUsed => "share used up",
            Kind::StorageFault => "database at fault",
        }
    }

    /// True for what is so until it is not; the others happen and are over some time later.
    fn lasts(self) -> bool {
        matches!(
            self,
            Kind::Capacity | Kind::Failed | Kind::GrowingLag | Kind::StorageFault
        )
    }
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
    past: Past,
}

/// What is remembered of the snapshots before the last one.
#[derive(Clone, Debug, Default)]
struct Past {
    /// By plugin: in how many snapshots in a row its lag grew, and what it was before.
    lag: HashMap<Arc<str>, (u32, usize)>,
    /// By plugin: its restarts, when they were seen, and how many there were before.
    restarts: HashMap<Arc<str>, Vec<(Instant, usize)>>,
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

    /// The worst level of those that go on.
    pub fn worst(&self) -> Option<Level> {
        let active = self.list.iter().filter(|warning| warning.over.is_none());
        active.map(|warning| warning.level).max()
    }

    /// Compares a snapshot with the one before it, of the same run.
    pub(crate) fn observe(&mut self, before: Option<&Snapshot>, after: &Snapshot, now: Instant) {
        let mut findings = find::lasting(after);
        if let Some(before) = before {
            findings.extend(find::happened(before, after));
            findings.extend(self.past.observe(before, after, now));
        } else {
            self.past = Past::default();
        }
        self.take(findings, now);
        // What lasts and was not found again is over.
        for warning in &mut self.list {
            if warning.kind.lasts() && warning.over.is_none() && warning.last < now {
                warning.over = Some(now);
            }
        }
        self.sort();
    }

    /// The stream has a gap.
    pub(crate) fn missed(&mut self, at: LostAt, count: u64, total: u64, now: Instant) {
        self.take(vec![find::missed(at, count, total)], now);
        self.sort();
    }

    /// The kernel warns of a plugin, by an event.
    pub(crate) fn warned(&mut self, topic: &str, payload: &[u8], now: Instant) {
        if let Some(finding) = warned::warned(topic, payload) {
            self.take(vec![finding], now);
            self.sort();
        }
    }

    /// Ends what did not happen again; true when one is over now.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        let mut ended = false;
        for warning in &mut self.list {
            if warning.over.is_none()
                && !warning.kind.lasts()
                && now.saturating_duration_since(warning.last) >= hold(warning.kind)
            {
                warning.over = Some(now);
                ended = true;
            }
        }
        if ended {
            self.sort();
        }
        ended
    }

    fn take(&mut self, findings: Vec<Finding>, now: Instant) {
        for finding in findings {
            let same = self.list.iter_mut().find(|warning| {
                warning.over.is_none()
                    && warning.kind == finding.kind
                    && warning.plugin == finding.plugin
                    && warning.about == finding.about
            });
            match same {
                Some(warning) => {
                    warning.level = finding.level;
                    warning.what = finding.what;
                    warning.last = now;
                    warning.count += 1;
                }
                None => self.list.push(Warning {
                    kind: finding.kind,
                    level: finding.level,
                    plugin: finding.plugin,
                    about: finding.about,
                    what: finding.what,
                    advice: finding.advice,
                    first: now,
                    last: now,
                    count: 1,
                    over: None,
                }),
            }
        }
    }

    fn sort(&mut self) {
        self.list.sort_by_key(|warning| {
            let level = warning.over.is_none().then_some(warning.level);
            (Reverse(level), Reverse(warning.over), Reverse(warning.first))
        });
        let active = self.active();
        self.list.truncate(active + KEPT);
    }
}

fn hold(kind: Kind) -> Duration {
    if kind == Kind::RestartLoop {
        RESTART_WINDOW
    } else {
        HOLD
    }
}

impl Past {
    fn observe(&mut self, before: &Snapshot, after: &Snapshot, now: Instant) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (mut lags, mut restarts) = (HashMap::new(), HashMap::new());
        for plugin in &after.plugins {
            let Some(was) = before.plugins.iter().find(|was| was.name == plugin.name) else {
                continue;
            };
            if plugin.counters.lag > was.counters.lag {
                let (streak, start) = self
                    .lag
                    .get(&plugin.name)
                    .copied()
                    .unwrap_or((0, was.counters.lag));
                findings.extend(find::growing_lag(plugin, streak + 1, start));
                lags.insert(plugin.name.clone(), (streak + 1, start));
            }
            let mut seen = self.restarts.remove(&plugin.name).unwrap_or_default();
            seen.retain(|(at, _)| now.saturating_duration_since(*at) < RESTART_WINDOW);
            if plugin.counters.failures > was.counters.failures {
                seen.push((now, was.counters.failures));
                let first = seen.first().map_or(was.counters.failures, |(_, before)| *before);
                findings.extend(find::restart_loop(
                    plugin,
                    plugin.counters.failures.saturating_sub(first),
                ));
            }
            if !seen.is_empty() {
                restarts.insert(plugin.name.clone(), seen);
            }
        }
        self.lag = lags;
        self.restarts = restarts;
        findings
    }
}

#[cfg(test)]
mod tests;
