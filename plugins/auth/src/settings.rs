//! The settings, and what they may be.

use std::collections::BTreeMap;

use kernel_core::Error;
use kernel_core::subject::{check_filter, check_topic};
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) attempts_per_peer: u32,
    pub(crate) attempts_of_all: u32,
    pub(crate) session_minutes: u32,
    pub(crate) audit_entries: u32,
    pub(crate) max_keys: u32,
    pub(crate) resources: BTreeMap<String, Rule>,
}

/// What of a call's arguments is looked at: either of the two.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The field with the identity of a resource, and the service that finds it.
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) lookup: Option<String>,
    /// The field that is to be the subject.
    #[serde(default)]
    pub(crate) user: Option<String>,
}

impl Rule {
    fn resource(id: &str, lookup: &str) -> Rule {
        Rule {
            id: Some(id.to_owned()),
            lookup: Some(lookup.to_owned()),
            user: None,
        }
    }

    fn user(field: &str) -> Rule {
        Rule {
            id: None,
            lookup: None,
            user: Some(field.to_owned()),
        }
    }

    fn is_whole(&self) -> bool {
        let field = |name: &String| !name.is_empty() && name.starts_with('/') && !name[1..].contains('/');
        match (&self.id, &self.lookup, &self.user) {
            (Some(id), Some(lookup), None) => field(id) && check_topic(lookup).is_ok(),
            (None, None, Some(user)) => field(user),
            _ => false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            attempts_per_peer: 10,
            attempts_of_all: 300,
            session_minutes: 12 * 60,
            audit_entries: 10_000,
            max_keys: 1_000,
            resources: [
                ("devices.*".to_owned(), Rule::resource("/id", "devices.get")),
                ("devices.list".to_owned(), Rule::user("/user")),
                ("devices.create".to_owned(), Rule::user("/owner_id")),
            ]
            .into(),
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
        for (filter, rule) in &self.resources {
            if check_filter(filter).is_err() {
                return wrong(format_args!("resources: {filter:?} is no filter of services"));
            }
            if !rule.is_whole() {
                return wrong(format_args!(
                    "resources.{filter}: {{\"id\": \"/FIELD\", \"lookup\": \"SERVICE\"}} or {{\"user\": \"/FIELD\"}} is wanted"
                ));
            }
        }
        Ok(())
    }
}

fn wrong(what: std::fmt::Arguments<'_>) -> Result<(), Error> {
    Err(Error::format("invalid_settings", what))
}
