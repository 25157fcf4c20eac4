//! The beginning of a run: conditions, mode, guard; and what is noted of those that do not begin.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;

use kernel_core::{Context, Error, Fault};
use serde_json::{Value, json};

use super::run::{Run, Wait};
use super::{Due, Engine};
use crate::guard::Verdict;
use crate::plan::TriggerId;
use crate::rule::{Condition, Facts, Mode, Stopped};
use crate::trace::{Outcome, Trace, keep};

/// Bytes that are tried first for a state entry.
const FIRST: usize = 128;

/// The values of these state entries; those that are not there are left out.
pub(super) async fn read_states(
    cx: &Context,
    keys: BTreeSet<&str>,
) -> Result<BTreeMap<String, Value>, Error> {
    let mut states = BTreeMap::new();
    for key in keys {
        let mut buf = vec![0; FIRST];
        loop {
            match cx.state().get(key, &mut buf).await {
                Ok(None) => break,
                Ok(Some(json)) => {
                    let value = serde_json::from_slice(json.as_bytes()).unwrap_or_default();
                    states.insert(String::from(key), value);
                    break;
                }
                Err(Fault::Buffer { len }) => buf = vec![0; len as usize],
                Err(fault) => return Err(fault.into()),
            }
        }
    }
    Ok(states)
}

/// The state entries that a condition looks at.
pub(super) fn states_of(condition: &Condition) -> BTreeSet<&str> {
    let mut states = BTreeSet::new();
    condition.sources(&mut |source| source.add_states(&mut states));
    states
}

impl Engine {
    /// Whether the trigger wants this event.
    pub(super) async fn wants(&mut self, cx: &Context, id: TriggerId, event: &Value) -> bool {
        let Some(trigger) = self.trigger_of(id) else {
            return false;
        };
        let mut keys = BTreeSet::new();
        trigger.sources(&mut |source| source.add_states(&mut keys));
        let states = read_states(cx, keys).await.unwrap_or_default();
        trigger.wants(&Facts {
            event,
            states: &states,
            results: &BTreeMap::new(),
            unix_ms: self.clock.unix_ms(),
            zone: &self.zone,
        })
    }

    /// A trigger of a rule: a run begins with it, or it is noted why not.
    pub(super) async fn fire(&mut self, cx: &Context, id: TriggerId, event: Value) {
        if let Ok(number) = self.begin(cx, id.place, Some(id.number), event, true).await {
            self.start(number);
        }
    }

    /// Begins a run of a rule by hand, at the next tick; its number, or what was against it.
    pub(crate) async fn trigger(
        &mut self,
        cx: &Context,
        id: &str,
        payload: Value,
        checks: bool,
    ) -> Option<Result<u64, Trace>> {
        let place = *self.ids.get(id)?;
        let now = self.look(cx);
        let event = json!({"kind": "manual", "payload": payload});
        let begun = self.begin(cx, place, None, event, checks).await;
        // Not within this call: what the actions call would belong to it, and end with it.
        if let Ok(number) = begun
            && let Some(run) = self.runs.get_mut(&number)
            && !matches!(run.wait, Wait::Queue)
        {
            run.wait = Wait::Until(now);
            self.timers.push(now, Due::Run(number));
        }
        Some(begun)
    }

    /// Adds a run to the rule in this place, which waits for its start or in the queue; or what was against it, which is
    /// noted.
    async fn begin(
        &mut self,
        cx: &Context,
        index: usize,
        trigger: Option<usize>,
        event: Value,
        checks: bool,
    ) -> Result<u64, Trace> {
        let (now, unix_ms) = (self.clock.ms(), self.clock.unix_ms());
        let trace = Trace::new(trigger, &event, unix_ms);
        let Some(Some(place)) = self.places.get_mut(index) else {
            return Err(trace.ended(Outcome::Refused, "", "the rule is gone"));
        };
        if checks {
            let condition = &place.rule.condition;
            let stopped = match read_states(cx, states_of(condition)).await {
                Ok(states) => condition.check(&Facts {
                    event: &event,
                    states: &states,
                    results: &BTreeMap::new(),
                    unix_ms,
                    zone: &self.zone,
                }),
                Err(error) => Err(Stopped {
                    path: String::from("/conditions"),
                    why: format!("the state could not be read: {error}"),
                }),
            };
            if let Err(stopped) = stopped {
                self.counters.stopped += 1;
                let trace = trace.ended(Outcome::Stopped, &stopped.path, &stopped.why);
                keep(&mut place.traces, trace.clone(), self.settings.traces as usize);
                return Err(trace);
            }
        }
        let (mode, active, most) = (place.rule.mode, place.runs.len(), self.settings.max_runs);
        let ending = if mode == Mode::Restart { active } else { 0 };
        let refused = match mode {
            Mode::Single if active > 0 => Some(String::from("mode single: a run is under way")),
            Mode::Queued | Mode::Parallel if active >= place.rule.max => {
                Some(format!("mode {}: {active} runs are under way", mode.name()))
            }
            _ if self.runs.len() - ending >= most as usize => {
                Some(format!("{most} runs are under way: see the setting max_runs"))
            }
            _ => match place.guard.ask(now, self.settings.max_runs_per_minute) {
                Verdict::Go => None,
                Verdict::TooMany => {
                    let most = self.settings.max_runs_per_minute;
                    let why = format!("more than {most} runs in a minute: the rule rests for a minute");
                    let notice = json!({"id": place.rule.id, "why": why});
                    self.notices.push(("automation.loop", notice));
                    Some(why)
                }
                Verdict::Paused { until } => Some(format!(
                    "the rule had too many runs and rests for {} s more",
                    (until - now).div_ceil(1_000)
                )),
            },
        };
        if let Some(why) = refused {
            self.counters.refused += 1;
            let trace = trace.ended(Outcome::Refused, "", &why);
            keep(&mut place.traces, trace.clone(), self.settings.traces as usize);
            return Err(trace);
        }
        self.last_run += 1;
        let number = self.last_run;
        self.counters.runs += 1;
        place.count += 1;
        place.last_run = unix_ms;
        let mut before = vec![];
        let wait = match mode {
            Mode::Restart => {
                before = core::mem::take(&mut place.runs);
                Wait::Ready
            }
            Mode::Queued if active > 0 => Wait::Queue,
            _ => Wait::Ready,
        };
        place.runs.push(number);
        let run = Run::new(number, index, now, event, trace, wait);
        self.runs.insert(number, run);
        for other in before {
            self.cancel(other, &format!("run {number} began in its place"));
        }
        Ok(number)
    }

    /// A run that does not wait in a queue goes on when the others did.
    pub(super) fn start(&mut self, number: u64) {
        if self
            .runs
            .get(&number)
            .is_some_and(|run| !matches!(run.wait, Wait::Queue))
        {
            self.ready.push_back(number);
        }
    }

    /// Ends a run before its end. The rule knows it no more.
    pub(super) fn cancel(&mut self, number: u64, why: &str) {
        let Some(run) = self.runs.remove(&number) else {
            return;
        };
        let (now, index) = (self.clock.ms(), run.place);
        let trace = run.trace_at(now).ended(Outcome::Cancelled, "", why);
        if let Some(Some(place)) = self.places.get_mut(index) {
            keep(&mut place.traces, trace, self.settings.traces as usize);
        }
    }
}
