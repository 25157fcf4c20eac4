//! What became of the triggers of a rule: the last runs, and those that did not come to be.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kernel_core::Error;
use serde::Serialize;
use serde_json::{Value, json};

use crate::read::cut;

/// The longest answer of an action that is kept, in bytes.
const MAX_ANSWER: usize = 120;

/// The longest event that is kept, in bytes.
const MAX_EVENT: usize = 400;

/// What became of a trigger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It waits for the runs before.
    Queued,
    /// It is under way.
    Running,
    /// All actions were carried out.
    Done,
    /// A condition did not hold: `at` says which, `why` what was there.
    Stopped,
    /// An action failed, and the run ended with it.
    Failed,
    /// It was ended before its end: by another one (mode restart), or because the rule was changed.
    Cancelled,
    /// It did not begin: the rule's mode or a limit was against it.
    Refused,
}

/// What became of a trigger, and why.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Trace {
    /// The run's number; none for what did not begin.
    pub run: Option<u64>,
    /// When it was triggered: milliseconds of the Unix epoch; none where the clock is not set.
    pub at: Option<i64>,
    /// The trigger's number in the rule; none when it was `automation.trigger`.
    pub trigger: Option<usize>,
    /// What triggered. A long payload is left out.
    pub event: Value,
    /// What became of it.
    pub outcome: Outcome,
    /// Where in the rule it ended, a JSON pointer; empty when it came to its end.
    pub path: String,
    /// Why it ended there.
    pub why: String,
    /// How often this happened in a row; more than once only for what did not begin.
    pub times: u32,
    /// How many milliseconds it took.
    pub ms: u64,
    /// The actions that were carried out.
    pub actions: Vec<ActionTrace>,
}

/// What an action answered.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct ActionTrace {
    /// Where it is in the rule.
    pub path: String,
    /// What was done.
    pub what: String,
    /// The answer, or its beginning.
    pub answer: Option<String>,
    /// The error.
    pub error: Option<String>,
    /// How many milliseconds it took.
    pub ms: u64,
}

impl Trace {
    pub(crate) fn new(trigger: Option<usize>, event: &Value, at: Option<i64>) -> Trace {
        Trace {
            run: None,
            at,
            trigger,
            event: kept(event),
            outcome: Outcome::Running,
            path: String::new(),
            why: String::new(),
            times: 1,
            ms: 0,
            actions: Vec::new(),
        }
    }

    pub(crate) fn ended(mut self, outcome: Outcome, path: &str, why: &str) -> Trace {
        self.outcome = outcome;
        self.path = path.to_string();
        self.why = why.to_string();
        self
    }

    /// An action was carried out.
    pub(crate) fn add(&mut self, path: &str, what: String, result: &Result<Value, Error>, ms: u64) {
        let (answer, error) = match result {
            Ok(value) => (Some(cut(&value.to_string(), MAX_ANSWER)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.actions.push(ActionTrace {
            path: path.to_string(),
            what,
            answer,
            error,
            ms,
        });
    }

    /// Whether it is the same thing again: then it is counted and not kept, so that it hides nothing else.
    fn is_again(&self, last: &Trace) -> bool {
        self.run.is_none() && last.run.is_none() && self.outcome == last.outcome && self.path == last.path
    }
}

/// Keeps at most `most` of them.
pub(crate) fn keep(traces: &mut VecDeque<Trace>, mut trace: Trace, most: usize) {
    if traces.back().is_some_and(|last| trace.is_again(last)) {
        trace.times += traces.pop_back().map_or(0, |last| last.times);
    }
    if most == 0 {
        return;
    }
    while traces.len() >= most {
        traces.pop_front();
    }
    traces.push_back(trace);
}

/// The event, without what is too long to be kept.
fn kept(event: &Value) -> Value {
    if event.to_string().len() <= MAX_EVENT {
        return event.clone();
    }
    let member = |name| event.get(name).cloned().unwrap_or(Value::Null);
    json!({"kind": member("kind"), "topic": member("topic"), "key": member("key"), "cut": true})
}
