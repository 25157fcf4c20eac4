//! Conditions: what they are made of, and whether they hold.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde_json::Value;

use super::limits::{Limits, MAX_NESTING};
use super::template::{Facts, Source, Template};
use crate::read::{At, Problem, brief, kind};
use crate::time::Window;

/// A condition, and where it stands in the rule.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Condition {
    path: String,
    test: Test,
}

#[derive(Clone, PartialEq, Debug)]
enum Test {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Time(Window),
    Compare(Source, Vec<(Check, Template)>),
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Check {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    In,
    Exists,
}

const CHECKS: [(&str, Check); 8] = [
    ("eq", Check::Eq),
    ("ne", Check::Ne),
    ("gt", Check::Gt),
    ("ge", Check::Ge),
    ("lt", Check::Lt),
    ("le", Check::Le),
    ("in", Check::In),
    ("exists", Check::Exists),
];

/// Which condition did not hold, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stopped {
    pub(crate) path: String,
    pub(crate) why: String,
}

impl Condition {
    pub(crate) fn read(at: &At<'_>, limits: &mut Limits<'_>) -> Result<Condition, Problem> {
        Condition::nested(at, limits, 0)
    }

    /// Conditions that must all hold.
    pub(crate) fn read_all(at: &At<'_>, limits: &mut Limits<'_>) -> Result<Condition, Problem> {
        Ok(Condition {
            path: at.path.clone(),
            test: Test::All(Condition::list(at, limits, 0)?),
        })
    }

    /// One that always holds.
    pub(crate) fn none() -> Condition {
        Condition {
            path: String::new(),
            test: Test::All(Vec::new()),
        }
    }

    fn list(at: &At<'_>, limits: &mut Limits<'_>, depth: usize) -> Result<Vec<Condition>, Problem> {
        let items = at.list(usize::MAX)?;
        items
            .iter()
            .map(|item| Condition::nested(item, limits, depth + 1))
            .collect()
    }

    fn nested(at: &At<'_>, limits: &mut Limits<'_>, depth: usize) -> Result<Condition, Problem> {
        limits.condition(at)?;
        if depth > MAX_NESTING {
            return Err(at.problem(format_args!("nested deeper than {MAX_NESTING}")));
        }
        let kind = kind(at, &["and", "or", "not", "state", "event", "result", "time"])?;
        let test = match kind {
            "and" => Test::All(Condition::list(&at.object(&[kind])?.need(kind)?, limits, depth)?),
            "or" => {
                let any = at.object(&[kind])?.need(kind)?;
                match Condition::list(&any, limits, depth)? {
                    none if none.is_empty() => return Err(any.problem("one or more are wanted")),
                    some => Test::Any(some),
                }
            }
            "not" => {
                let inner = at.object(&[kind])?.need(kind)?;
                Test::Not(Box::new(Condition::nested(&inner, limits, depth + 1)?))
            }
            "time" => Test::Time(Window::read(&at.object(&[kind])?.need(kind)?)?),
            _ => compare(at, kind)?,
        };
        Ok(Condition {
            path: at.path.clone(),
            test,
        })
    }

    /// Whether it holds; or which part of it does not.
    pub(crate) fn check(&self, facts: &Facts<'_>) -> Result<(), Stopped> {
        let why = match &self.test {
            Test::All(all) => return all.iter().try_for_each(|condition| condition.check(facts)),
            Test::Any(any) => {
                if any.iter().any(|condition| condition.check(facts).is_ok()) {
                    return Ok(());
                }
                format!("none of {} holds", any.len())
            }
            Test::Not(inner) => match inner.check(facts) {
                Ok(()) => String::from("what must not hold does hold"),
                Err(_) => return Ok(()),
            },
            Test::Time(window) => match window.check(facts.unix_ms, facts.zone) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            },
            Test::Compare(source, checks) => {
                let found = source.find(facts);
                let failed = checks.iter().find_map(|(check, template)| {
                    let operand = template.fill(facts);
                    (!check.holds(found, &operand)).then_some((check, operand))
                });
                let Some((check, operand)) = failed else {
                    return Ok(());
                };
                let found = found.map_or_else(|| String::from("not there"), brief);
                format!("{source} is {found}, wanted {} {}", check.name(), brief(&operand))
            }
        };
        Err(Stopped {
            path: self.path.clone(),
            why,
        })
    }

    /// Calls `each` with every source in it.
    pub(crate) fn sources<'c>(&'c self, each: &mut dyn FnMut(&'c Source)) {
        match &self.test {
            Test::All(all) | Test::Any(all) => all.iter().for_each(|condition| condition.sources(each)),
            Test::Not(inner) => inner.sources(each),
            Test::Time(_) => {}
            Test::Compare(source, checks) => {
                each(source);
                checks.iter().for_each(|(_, template)| template.sources(each));
            }
        }
    }
}

fn compare(at: &At<'_>, kind: &str) -> Result<Test, Problem> {
    let mut allowed: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    allowed.extend([kind, "at"]);
    let fields = at.object(&allowed)?;
    let source = Source::read(kind, &fields.need(kind)?, fields.get("at"))?;
    let mut checks = Vec::new();
    for (name, check) in CHECKS {
        let Some(operand) = fields.get(name) else {
            continue;
        };
        let template = Template::read(&operand)?;
        let fits = match (&template, check) {
            (Template::Value(value), Check::In) => value.is_array(),
            (Template::Value(value), Check::Exists) => value.is_boolean(),
            (Template::Value(value), Check::Gt | Check::Ge | Check::Lt | Check::Le) => {
                value.is_number() || value.is_string()
            }
            _ => true,
        };
        if !fits {
            return Err(operand.wanted(match check {
                Check::In => "a list",
                Check::Exists => "true or false",
                _ => "a number or a text",
            }));
        }
        checks.push((check, template));
    }
    match checks.is_empty() {
        true => {
            let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
            Err(at.problem(format_args!("one of these is missing: {}", names.join(", "))))
        }
        false => Ok(Test::Compare(source, checks)),
    }
}

impl Check {
    fn name(self) -> &'static str {
        CHECKS
            .iter()
            .find(|(_, check)| *check == self)
            .map_or("", |(name, _)| name)
    }

    fn holds(self, found: Option<&Value>, operand: &Value) -> bool {
        let null = Value::Null;
        let value = found.unwrap_or(&null);
        match self {
            Check::Eq => is_same(value, operand),
            Check::Ne => !is_same(value, operand),
            Check::Gt => order(value, operand) == Some(Ordering::Greater),
            Check::Ge => matches!(order(value, operand), Some(Ordering::Greater | Ordering::Equal)),
            Check::Lt => order(value, operand) == Some(Ordering::Less),
            Check::Le => matches!(order(value, operand), Some(Ordering::Less | Ordering::Equal)),
            Check::In => operand
                .as_array()
                .is_some_and(|list| list.iter().any(|one| is_same(value, one))),
            Check::Exists => operand.as_bool() == Some(!value.is_null()),
        }
    }
}

/// The order of two numbers, or of two texts.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

/// Whether two values are the same; numbers are by what they are, not by how they are written.
pub(crate) fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => order(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}
