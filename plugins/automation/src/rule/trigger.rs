//! Triggers: what may begin a run of a rule.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use kernel_core::subject::{MAX_SUBJECT, check_filter};
use serde_json::{Value, json};

use super::condition::{Condition, is_same};
use super::limits::Limits;
use super::template::{Facts, Source};
use crate::read::{At, Problem, kind};
use crate::time::{Days, SunEvent, TimeOfDay, Zone};

/// What topics of changes of the state begin with.
pub(crate) const CHANGED: &str = "state.changed.";

/// The longest `for`, `every`, `delay` and `offset`, in seconds.
pub(crate) const MAX_SECONDS: i64 = 7 * 86_400;

/// The shortest interval, in milliseconds.
const MIN_INTERVAL: i64 = 1_000;

/// What may begin a run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Trigger {
    /// An event whose topic matches the filter, when the condition holds.
    Event { filter: String, when: Condition },
    /// A change of a state entry whose key matches the filter.
    State {
        filter: String,
        from: Option<Value>,
        to: Option<Value>,
        when: Condition,
        /// For how many milliseconds it is to last.
        hold: Option<u64>,
    },
    /// A time of the day.
    Time { time: TimeOfDay, days: Days },
    /// Again and again, every so many milliseconds.
    Every { ms: u64 },
    /// The sun rises or sets.
    Sun {
        event: SunEvent,
        offset_ms: i64,
        days: Days,
    },
}

impl Trigger {
    pub(crate) fn read(at: &At<'_>, limits: &mut Limits<'_>) -> Result<Trigger, Problem> {
        let kind = kind(at, &["event", "state", "time", "every", "sun"])?;
        match kind {
            "event" => {
                let fields = at.object(&[kind, "when"])?;
                Ok(Trigger::Event {
                    filter: filter(&fields.need(kind)?, "")?,
                    when: when(fields.get("when"), limits)?,
                })
            }
            "state" => {
                let fields = at.object(&[kind, "from", "to", "when", "for"])?;
                let hold = fields
                    .get("for")
                    .map(|at| at.seconds(1, MAX_SECONDS))
                    .transpose()?;
                Ok(Trigger::State {
                    filter: filter(&fields.need(kind)?, CHANGED)?,
                    from: fields.get("from").map(|at| at.value.clone()),
                    to: fields.get("to").map(|at| at.value.clone()),
                    when: when(fields.get("when"), limits)?,
                    hold: hold.map(i64::unsigned_abs),
                })
            }
            "time" => {
                let fields = at.object(&[kind, "weekdays"])?;
                Ok(Trigger::Time {
                    time: TimeOfDay::read(&fields.need(kind)?)?,
                    days: Days::read(fields.get("weekdays"))?,
                })
            }
            "every" => {
                let ms = at
                    .object(&[kind])?
                    .need(kind)?
                    .seconds(MIN_INTERVAL, MAX_SECONDS)?;
                Ok(Trigger::Every {
                    ms: ms.unsigned_abs(),
                })
            }
            _ => {
                let fields = at.object(&[kind, "offset", "weekdays"])?;
                let word = fields.need(kind)?;
                let event = [SunEvent::Rise, SunEvent::Set][word.word(&["sunrise", "sunset"])?];
                if !limits.zone.has_place() {
                    return Err(word.problem("needs the settings `latitude` and `longitude` of the plugin"));
                }
                let offset = fields.get("offset").map(|at| at.seconds(-43_200_000, 43_200));
                Ok(Trigger::Sun {
                    event,
                    offset_ms: offset.transpose()?.unwrap_or(0),
                    days: Days::read(fields.get("weekdays"))?,
                })
            }
        }
    }

    /// The filter of the events that it wants.
    pub(crate) fn subscription(&self) -> Option<String> {
        match self {
            Trigger::Event { filter, .. } => Some(filter.clone()),
            Trigger::State { filter, .. } => Some(format!("{CHANGED}{filter}")),
            _ => None,
        }
    }

    /// When it is next, for one that goes by the time of day.
    pub(crate) fn next(&self, zone: &Zone, after_ms: i64) -> Option<i64> {
        match *self {
            Trigger::Time { time, days } => zone.next_time(time, days, after_ms),
            Trigger::Sun {
                event,
                offset_ms,
                days,
            } => zone.next_sun(event, offset_ms, days, after_ms),
            _ => None,
        }
    }

    /// What rules see of one that goes by a clock.
    pub(crate) fn event(&self) -> Value {
        match self {
            Trigger::Time { time, .. } => json!({"kind": "time", "time": format!("{time}")}),
            Trigger::Sun { event, .. } => match event {
                SunEvent::Rise => json!({"kind": "sun", "sun": "sunrise"}),
                SunEvent::Set => json!({"kind": "sun", "sun": "sunset"}),
            },
            _ => json!({"kind": "every"}),
        }
    }

    /// Calls `each` with every source that it looks at.
    pub(crate) fn sources<'t>(&'t self, each: &mut dyn FnMut(&'t Source)) {
        if let Trigger::Event { when, .. } | Trigger::State { when, .. } = self {
            when.sources(each);
        }
    }

    /// Whether the value that a state entry has now is one that it wants.
    pub(crate) fn wants(&self, facts: &Facts<'_>) -> bool {
        match self {
            Trigger::State { to, when, .. } => {
                let now = facts.event.get("to").unwrap_or(&Value::Null);
                to.as_ref().is_none_or(|to| is_same(now, to)) && when.check(facts).is_ok()
            }
            Trigger::Event { when, .. } => when.check(facts).is_ok(),
            _ => true,
        }
    }

    /// Whether it wants a change from this value.
    pub(crate) fn wants_from(&self, before: &Value) -> bool {
        match self {
            Trigger::State { from: Some(from), .. } => is_same(before, from),
            _ => true,
        }
    }
}

fn filter(at: &At<'_>, prefix: &str) -> Result<String, Problem> {
    let text = at.text()?;
    check_filter(text).map_err(|fault| at.problem(format_args!("{text:?}: {fault}")))?;
    let most = MAX_SUBJECT - prefix.len();
    if text.len() > most {
        return Err(at.problem(format_args!("{} bytes, at most {most} are allowed", text.len())));
    }
    Ok(text.to_owned())
}

/// What a trigger wants besides: nothing of the answers, for there are none yet.
fn when(at: Option<At<'_>>, limits: &mut Limits<'_>) -> Result<Condition, Problem> {
    let Some(at) = at else {
        return Ok(Condition::none());
    };
    let condition = Condition::read(&at, limits)?;
    let mut result = None;
    condition.sources(&mut |source| result = result.or(source.result()));
    match result {
        Some(name) => Err(at.problem(format_args!("there is no answer `{name}` before the actions"))),
        None => Ok(condition),
    }
}
