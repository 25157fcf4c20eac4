//! Actions, as a program: one step after another, and `choose` as jumps between them.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::subject::check_topic;

use super::condition::Condition;
use super::limits::{Limits, MAX_NESTING};
use super::template::{Source, Template};
use super::trigger::{CHANGED, MAX_SECONDS};
use crate::read::{At, Problem, kind};

/// The longest deadline of a call, in seconds.
const MAX_TIMEOUT: i64 = 600;

/// A step of a program, and where the action that it is of stands in the rule.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) path: String,
    pub(crate) op: Op,
}

/// What a step does.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Op {
    Call {
        service: String,
        args: Template,
        timeout_ms: Option<u64>,
        /// The name that its answer has from here on.
        result: Option<String>,
        /// Whether the run goes on when it fails.
        goes_on: bool,
    },
    Publish {
        topic: String,
        payload: Template,
    },
    SetState {
        key: String,
        value: Template,
        ttl_ms: Option<u64>,
    },
    Delay {
        ms: u64,
    },
    /// To another step, unless the condition holds.
    Unless {
        condition: Condition,
        to: usize,
    },
    Jump {
        to: usize,
    },
}

/// Reads a list of actions, behind the steps that are there already. `results` are the names of answers that are known
/// at this point.
pub(crate) fn read(
    at: &At<'_>,
    limits: &mut Limits<'_>,
    results: &mut BTreeSet<String>,
    program: &mut Vec<Step>,
    depth: usize,
) -> Result<(), Problem> {
    if depth > MAX_NESTING {
        return Err(at.problem(format_args!("nested deeper than {MAX_NESTING}")));
    }
    for item in at.list(usize::MAX)? {
        limits.action(&item)?;
        let kind = kind(&item, &["service", "publish", "set_state", "delay", "choose"])?;
        if kind == "choose" {
            choose(&item, limits, results, program, depth)?;
            continue;
        }
        let op = simple(&item, kind, limits)?;
        op.sources(&mut |source| check_result(source, results, &item))?;
        if let Op::Call {
            result: Some(name), ..
        } = &op
        {
            results.insert(name.clone());
        }
        program.push(Step { path: item.path, op });
    }
    Ok(())
}

fn check_result(source: &Source, results: &BTreeSet<String>, at: &At<'_>) -> Result<(), Problem> {
    match source.result() {
        Some(name) if !results.contains(name) => Err(at.problem(format_args!(
            "there is no answer `{name}`: no action before has it as `result`"
        ))),
        _ => Ok(()),
    }
}

fn simple(at: &At<'_>, kind: &str, limits: &Limits<'_>) -> Result<Op, Problem> {
    match kind {
        "service" => {
            let fields = at.object(&[kind, "args", "timeout", "result", "on_error"])?;
            let service = fields.need(kind)?;
            let name = topic(&service)?;
            limits.service(&service, &name)?;
            let timeout = fields
                .get("timeout")
                .map(|at| at.seconds(1, MAX_TIMEOUT))
                .transpose()?;
            let on_error = fields
                .get("on_error")
                .map(|at| at.word(&["stop", "continue"]))
                .transpose()?;
            let result = fields.get("result").map(|at| match at.text()? {
                "" => Err(at.wanted("a name")),
                name => Ok(name.to_owned()),
            });
            Ok(Op::Call {
                service: name,
                args: fields
                    .get("args")
                    .map_or(Ok(Template::NULL), |at| Template::read(&at))?,
                timeout_ms: timeout.map(i64::unsigned_abs),
                result: result.transpose()?,
                goes_on: on_error == Some(1),
            })
        }
        "publish" => {
            let fields = at.object(&[kind, "payload"])?;
            Ok(Op::Publish {
                topic: topic(&fields.need(kind)?)?,
                payload: fields
                    .get("payload")
                    .map_or(Ok(Template::NULL), |at| Template::read(&at))?,
            })
        }
        "set_state" => {
            let fields = at.object(&[kind, "value", "ttl"])?;
            let ttl = fields
                .get("ttl")
                .map(|at| at.seconds(1, MAX_SECONDS))
                .transpose()?;
            Ok(Op::SetState {
                key: topic(&fields.need(kind)?)?,
                value: Template::read(&fields.need("value")?)?,
                ttl_ms: ttl.map(i64::unsigned_abs),
            })
        }
        _ => Ok(Op::Delay {
            ms: at
                .object(&[kind])?
                .need(kind)?
                .seconds(1, MAX_SECONDS)?
                .unsigned_abs(),
        }),
    }
}

/// A topic, a service or a state key that is not the kernel's.
fn topic(at: &At<'_>) -> Result<String, Problem> {
    let text = at.text()?;
    check_topic(text).map_err(|fault| at.problem(format_args!("{text:?}: {fault}")))?;
    match text.starts_with("runtime.") || text.starts_with(CHANGED) {
        true => Err(at.problem(format_args!(
            "{text:?}: names below runtime. and {CHANGED} are the kernel's"
        ))),
        false => Ok(text.to_owned()),
    }
}

/// `{"choose": [{"if": condition, "then": actions}, ..], "else": actions}`.
fn choose(
    at: &At<'_>,
    limits: &mut Limits<'_>,
    results: &mut BTreeSet<String>,
    program: &mut Vec<Step>,
    depth: usize,
) -> Result<(), Problem> {
    let fields = at.object(&["choose", "else"])?;
    let options = fields.need("choose")?;
    let items = options.list(usize::MAX)?;
    if items.is_empty() {
        return Err(options.problem("one or more are wanted"));
    }
    let (before, mut ends) = (results.clone(), Vec::new());
    for item in items {
        let option = item.object(&["if", "then"])?;
        let condition = Condition::read(&option.need("if")?, limits)?;
        let mut missing = Ok(());
        condition.sources(&mut |source| {
            if missing.is_ok() {
                missing = check_result(source, &before, &item);
            }
        });
        missing?;
        let branch = program.len();
        program.push(Step {
            path: format!("{}/if", item.path),
            op: Op::Unless { condition, to: 0 },
        });
        // What one branch was answered the next one does not know.
        let mut known = before.clone();
        read(&option.need("then")?, limits, &mut known, program, depth + 1)?;
        ends.push(program.len());
        program.push(Step {
            path: item.path,
            op: Op::Jump { to: 0 },
        });
        let next = program.len();
        set_target(program, branch, next);
    }
    if let Some(otherwise) = fields.get("else") {
        read(&otherwise, limits, &mut before.clone(), program, depth + 1)?;
    }
    let end = program.len();
    ends.into_iter().for_each(|jump| set_target(program, jump, end));
    Ok(())
}

fn set_target(program: &mut [Step], step: usize, target: usize) {
    if let Some(Step {
        op: Op::Unless { to, .. } | Op::Jump { to },
        ..
    }) = program.get_mut(step)
    {
        *to = target;
    }
}

impl Op {
    /// Calls `each` with every source that it looks at, until one fails.
    pub(crate) fn sources<'o>(
        &'o self,
        each: &mut dyn FnMut(&'o Source) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut outcome = Ok(());
        let mut all = |source| {
            if outcome.is_ok() {
                outcome = each(source);
            }
        };
        match self {
            Op::Call { args: template, .. }
            | Op::Publish {
                payload: template, ..
            }
            | Op::SetState { value: template, .. } => template.sources(&mut all),
            Op::Unless { condition, .. } => condition.sources(&mut all),
            Op::Delay { .. } | Op::Jump { .. } => {}
        }
        outcome
    }

    /// The state entries that it looks at.
    pub(crate) fn states(&self) -> BTreeSet<&str> {
        let mut states = BTreeSet::new();
        let _ = self.sources(&mut |source| {
            source.add_states(&mut states);
            Ok(())
        });
        states
    }
}
