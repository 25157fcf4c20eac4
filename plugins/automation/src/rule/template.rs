//! Values with places in them that are filled in when they are used.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::subject::check_topic;
use serde_json::{Map, Value};

use crate::read::{At, Problem};

/// The deepest nesting of a template.
const MAX_DEPTH: usize = 8;

/// What a condition or a template looks at.
pub(crate) struct Facts<'f> {
    /// What triggered.
    pub(crate) event: &'f Value,
    /// The state entries that it may look at.
    pub(crate) states: &'f BTreeMap<String, Value>,
    /// The answers of the actions before, by their names.
    pub(crate) results: &'f BTreeMap<String, Value>,
    /// Milliseconds since the Unix epoch; `None` where the clock is not set.
    pub(crate) unix_ms: Option<i64>,
    pub(crate) zone: &'f crate::time::Zone,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Source {
    /// What triggered, at this JSON pointer.
    Event(String),
    /// A state entry, and a JSON pointer into it.
    State(String, String),
    /// The answer of an action before, and a JSON pointer into it.
    Result(String, String),
}

impl Source {
    /// The source that stands under `key`, with `at` beside it.
    pub(crate) fn read(kind: &str, value: &At<'_>, at: Option<At<'_>>) -> Result<Source, Problem> {
        let text = value.text()?.to_owned();
        if kind == "event" {
            if let Some(at) = at {
                return Err(at.problem("the pointer of an event stands in `event` itself"));
            }
            pointer(value)?;
            return Ok(Source::Event(text));
        }
        let at = match at {
            Some(at) => pointer(&at)?.to_owned(),
            None => String::new(),
        };
        if kind == "state" {
            check_topic(&text).map_err(|fault| value.problem(format_args!("{text:?}: {fault}")))?;
            return Ok(Source::State(text, at));
        }
        Ok(Source::Result(text, at))
    }

    /// What is there.
    pub(crate) fn find<'f>(&self, facts: &Facts<'f>) -> Option<&'f Value> {
        match self {
            Source::Event(at) => facts.event.pointer(at),
            Source::State(key, at) => facts.states.get(key)?.pointer(at),
            Source::Result(name, at) => facts.results.get(name)?.pointer(at),
        }
    }

    pub(crate) fn add_states<'s>(&'s self, states: &mut BTreeSet<&'s str>) {
        if let Source::State(key, _) = self {
            states.insert(key);
        }
    }

    /// The name of the answer that it needs.
    pub(crate) fn result(&self) -> Option<&str> {
        match self {
            Source::Result(name, _) => Some(name),
            _ => None,
        }
    }
}

impl core::fmt::Display for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Source::Event(at) => write!(f, "event {at}"),
            Source::State(key, at) => write!(f, "state {key}{at}"),
            Source::Result(name, at) => write!(f, "result {name}{at}"),
        }
    }
}

/// A JSON pointer (RFC 6901).
fn pointer<'v>(at: &At<'v>) -> Result<&'v str, Problem> {
    let text = at.text()?;
    match text.is_empty() || text.starts_with('/') {
        true => Ok(text),
        false => Err(at.wanted("a JSON pointer, such as /payload/value, or the empty text for all")),
    }
}

/// A value with places to fill in.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Template {
    Value(Value),
    From(Source),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Template {
    pub(crate) const NULL: Template = Template::Value(Value::Null);

    pub(crate) fn read(at: &At<'_>) -> Result<Template, Problem> {
        Template::nested(at, 0)
    }

    fn nested(at: &At<'_>, depth: usize) -> Result<Template, Problem> {
        if depth > MAX_DEPTH {
            return Err(at.problem(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        match at.value {
            Value::Array(items) => {
                let items = at.list(items.len())?;
                let items: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| Template::nested(item, depth + 1))
                    .collect();
                let items = items?;
                Ok(match items.iter().all(Template::is_value) {
                    true => Template::Value(at.value.clone()),
                    false => Template::List(items),
                })
            }
            Value::Object(map) => match map.keys().find(|key| key.starts_with('$')) {
                Some(kind) => place(at, kind),
                None => {
                    let keys: Vec<&str> = map.keys().map(String::as_str).collect();
                    let fields = at.object(&keys)?;
                    let mut members = Vec::new();
                    for key in keys {
                        let member = Template::nested(&fields.need(key)?, depth + 1)?;
                        members.push((key.to_owned(), member));
                    }
                    Ok(match members.iter().all(|(_, member)| member.is_value()) {
                        true => Template::Value(at.value.clone()),
                        false => Template::Object(members),
                    })
                }
            },
            value => Ok(Template::Value(value.clone())),
        }
    }

    fn is_value(&self) -> bool {
        matches!(self, Template::Value(_))
    }

    /// The value; a place at which nothing is found is null.
    pub(crate) fn fill(&self, facts: &Facts<'_>) -> Value {
        match self {
            Template::Value(value) => value.clone(),
            Template::From(source) => source.find(facts).cloned().unwrap_or(Value::Null),
            Template::List(items) => items.iter().map(|item| item.fill(facts)).collect(),
            Template::Object(members) => {
                let members = members.iter();
                let filled: Map<_, _> = members
                    .map(|(key, member)| (key.clone(), member.fill(facts)))
                    .collect();
                Value::Object(filled)
            }
        }
    }

    /// Calls `each` with every source in it.
    pub(crate) fn sources<'t>(&'t self, each: &mut dyn FnMut(&'t Source)) {
        match self {
            Template::Value(_) => {}
            Template::From(source) => each(source),
            Template::List(items) => items.iter().for_each(|item| item.sources(each)),
            Template::Object(members) => members.iter().for_each(|(_, member)| member.sources(each)),
        }
    }
}

/// `{"$event": ..}`, `{"$state": .., "at": ..}`, `{"$result": .., "at": ..}`.
fn place(at: &At<'_>, kind: &str) -> Result<Template, Problem> {
    let known = ["$event", "$state", "$result"];
    if !known.contains(&kind) {
        return Err(at.problem(format_args!("`{kind}` is not one of {}", known.join(", "))));
    }
    let fields = at.object(&[kind, "at"])?;
    let source = Source::read(&kind[1..], &fields.need(kind)?, fields.get("at"))?;
    Ok(Template::From(source))
}
