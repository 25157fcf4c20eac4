//! The settings, and what they may be.

use std::collections::BTreeMap;

use kernel_core::Error;
use kernel_core::subject::{check_filter, check_topic};
use serde::de::{Deserialize, Deserializer, Error as _};

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) attempts_per_peer: u32,
    pub(crate) attempts_of_all: u32,
    pub(crate) session_minutes: u32,
    pub(crate) audit_entries: u32,
    pub(crate) max_keys: u32,
    pub(crate) resources: BTreeMap<String, Rule>,
}

/// What of a call's arguments is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    /// A resource has to be the subject's, or shared with it.
    Resource {
        /// The argument with its identity.
        id: String,
        /// The service that finds it.
        lookup: String,
        /// The argument that has to be the subject where the resource is new; without it there has to be one.
        new: Option<String>,
    },
    /// This argument has to be the subject.
    Subject(String),
}

/// A rule, as it is set: each field of the arguments as `/FIELD`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    lookup: Option<String>,
    #[serde(default)]
    new: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

impl Stated {
    fn rule(self) -> Option<Rule> {
        let field = |stated: String| {
            let name = stated.strip_prefix('/')?;
            (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
        };
        match self {
            Stated {
                id: Some(id),
                lookup: Some(lookup),
                new,
                user: None,
            } => Some(Rule::Resource {
                id: field(id)?,
                new: match new {
                    Some(new) => Some(field(new)?),
                    None => None,
                },
                lookup: check_topic(&lookup).is_ok().then_some(lookup)?,
            }),
            Stated {
                id: None,
                lookup: None,
                new: None,
                user: Some(user),
            } => Some(Rule::Subject(field(user)?)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted =
            "{\"id\", \"lookup\", \"new\"?} or {\"user\"} is wanted: \"/FIELD\", of lookup a service";
        Stated::deserialize(deserializer)?
            .rule()
            .ok_or_else(|| D::Error::custom(wanted))
    }
}

fn devices() -> BTreeMap<String, Rule> {
    let resource = |new: Option<&str>| Rule::Resource {
        id: "id".to_owned(),
        lookup: "devices.get".to_owned(),
        new: new.map(str::to_owned),
    };
    [
        ("devices.*".to_owned(), resource(None)),
        ("devices.create".to_owned(), resource(Some("owner_id"))),
        ("devices.list".to_owned(), Rule::Subject("user".to_owned())),
    ]
    .into()
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            attempts_per_peer: 10,
            attempts_of_all: 300,
            session_minutes: 12 * 60,
            audit_entries: 10_000,
            max_keys: 1_000,
            resources: devices(),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value, most) in [
            ("attempts_per_peer", self.attempts_per_peer, 10_000),
            ("attempts_of_all", self.attempts_of_all, 100_000),
            ("session_minutes", self.session_minutes, 30 * 24 * 60),
            ("audit_entries", self.audit_entries, 1_000_000),
            ("max_keys", self.max_keys, 100_000),
        ] {
            if !(1..=most).contains(&value) {
                return wrong(format_args!("{name} {value}: 1 to {most} is wanted"));
            }
        }
        if let Some(filter) = self.resources.keys().find(|filter| check_filter(filter).is_err()) {
            return wrong(format_args!("resources: {filter:?} is no filter of services"));
        }
        Ok(())
    }
}

fn wrong(what: std::fmt::Arguments<'_>) -> Result<(), Error> {
    Err(Error::format("invalid_settings", what))
}
