//! Rules: read from JSON, checked, and made ready to run.

mod action;
mod condition;
mod limits;
mod template;
mod trigger;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

pub(crate) use action::{Op, Step};
pub(crate) use condition::{Condition, Stopped, is_same};
pub(crate) use limits::Limits;
pub use limits::{MAX_ACTIONS, MAX_CONDITIONS, MAX_NESTING, MAX_RULE, MAX_TRIGGERS};
pub(crate) use template::Facts;
#[cfg(feature = "host")]
pub(crate) use trigger::MAX_SECONDS;
pub(crate) use trigger::{CHANGED, Trigger};

use crate::read::{At, Problem};

/// The longest id of a rule, in bytes.
pub const MAX_ID: usize = 64;

/// The most runs of a rule at the same time, or in its queue.
pub const MAX_PARALLEL: u64 = 100;

/// What happens when a rule is triggered while a run of it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// The new one is refused.
    Single,
    /// The one under way is ended.
    Restart,
    /// The new one waits for those before.
    Queued,
    /// They run side by side.
    Parallel,
}

const MODES: [(&str, Mode); 4] = [
    ("single", Mode::Single),
    ("restart", Mode::Restart),
    ("queued", Mode::Queued),
    ("parallel", Mode::Parallel),
];

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        MODES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("", |(name, _)| name)
    }
}

/// A rule, ready to run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) mode: Mode,
    /// The most runs at the same time, those in the queue included.
    pub(crate) max: usize,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) condition: Condition,
    pub(crate) program: Vec<Step>,
}

/// The members of a rule.
pub(crate) const MEMBERS: [&str; 8] = [
    "id",
    "name",
    "enabled",
    "mode",
    "max",
    "triggers",
    "conditions",
    "actions",
];

impl Rule {
    /// Reads a rule.
    pub(crate) fn read(document: &Map<String, Value>, limits: &mut Limits<'_>) -> Result<Rule, Problem> {
        let value = Value::Object(document.clone());
        let len = value.to_string().len();
        let root = At::new(&value, String::new());
        if len > MAX_RULE {
            return Err(Problem::new(
                "/",
                format_args!("{len} bytes of JSON, at most {MAX_RULE} are allowed"),
            ));
        }
        let fields = root.object(&MEMBERS)?;
        let id = fields.need("id")?;
        let mode = fields
            .get("mode")
            .map(|at| at.word(&MODES.map(|(name, _)| name)))
            .transpose()?;
        let mode = MODES[mode.unwrap_or(0)].1;
        let max = fields.get("max").map(|at| match mode {
            Mode::Queued | Mode::Parallel => at.whole(1, MAX_PARALLEL),
            _ => Err(at.problem("only the modes queued and parallel have it")),
        });
        let mut triggers = Vec::new();
        if let Some(at) = fields.get("triggers") {
            for item in at.list(MAX_TRIGGERS)? {
                triggers.push(Trigger::read(&item, limits)?);
            }
        }
        let condition = fields.get("conditions").map(|at| {
            let condition = Condition::read_all(&at, limits)?;
            let mut result = None;
            condition.sources(&mut |source| result = result.or(source.result()));
            match result {
                Some(name) => Err(at.problem(format_args!("there is no answer `{name}` before the actions"))),
                None => Ok(condition),
            }
        });
        let (mut program, actions) = (Vec::new(), fields.need("actions")?);
        if actions.value.as_array().is_some_and(Vec::is_empty) {
            return Err(actions.problem("one action or more is wanted"));
        }
        action::read(&actions, limits, &mut BTreeSet::new(), &mut program, 0)?;
        Ok(Rule {
            id: read_id(&id)?,
            name: fields.get("name").map_or(Ok(""), |at| at.text())?.to_owned(),
            enabled: fields.get("enabled").map_or(Ok(true), |at| at.truth())?,
            mode,
            max: max.transpose()?.unwrap_or(10) as usize,
            triggers,
            condition: condition.transpose()?.unwrap_or_else(Condition::none),
            program,
        })
    }
}

fn read_id(at: &At<'_>) -> Result<String, Problem> {
    let text = at.value.as_str().filter(|text| is_id(text));
    text.map(ToOwned::to_owned)
        .ok_or_else(|| at.wanted(format_args!("an id: 1 to {MAX_ID} of a-z, A-Z, 0-9, _ and -")))
}

/// Whether this can be the id of a rule.
pub(crate) fn is_id(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_good)
}
