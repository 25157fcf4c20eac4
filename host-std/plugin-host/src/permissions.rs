//! What a plugin may do beyond its own names, and the one check of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was granted to a plugin. What is below its own name needs no grant: topics, services and state keys that begin
/// with `NAME.`, and the storage namespace `NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Permissions {
    /// Topics it may publish: filters.
    pub publish: Vec<String>,
    /// Topics it may hear: a subscription must lie within one of these filters.
    pub subscribe: Vec<String>,
    /// Services it may call: filters.
    pub call: Vec<String>,
    /// Services it may offer: filters.
    pub register: Vec<String>,
    /// State keys it may read, write, and hear the changes of: filters.
    pub state: Vec<String>,
    /// Storage namespaces it may read and write; `*` for all.
    pub storage: Vec<String>,
    /// Whether it may use the network.
    pub network: bool,
    /// Files it may use beside its own folders.
    pub files: Files,
}

/// Files and folders, by absolute path, each with all that is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// To read.
    pub read: Vec<String>,
    /// To read and write.
    pub write: Vec<String>,
}

/// One thing that a plugin wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    /// Publish on this topic.
    Publish(&'a str),
    /// Hear what this filter matches.
    Subscribe(&'a str),
    /// Call this service.
    Call(&'a str),
    /// Offer this service.
    Register(&'a str),
    /// Read or write this state key.
    State(&'a str),
    /// Read or write this storage namespace.
    Storage(&'a str),
}

/// A permission that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The permission's name.
    pub permission: &'static str,
    /// For what.
    pub name: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.permission, self.name)
    }
}

/// Where the bus tells changes of the state.
const STATE_CHANGED: &str = "state.changed.";

/// The names of the permissions that are lists of filters, and of the one that lists namespaces.
pub const LISTS: [&str; 6] = ["publish", "subscribe", "call", "register", "state", "storage"];

impl Permissions {
    /// All that the runtime itself restricts: for plugins whose manifest cannot say what they need.
    pub fn all() -> Permissions {
        let every = || vec![">".to_owned()];
        Permissions {
            publish: every(),
            subscribe: every(),
            call: every(),
            register: every(),
            state: every(),
            storage: vec!["*".to_owned()],
            network: true,
            files: Files::default(),
        }
    }

    /// Whether the plugin of the name `own` may do this.
    ///
    /// # Errors
    /// [`Refused`] names the permission that is missing.
    pub fn check(&self, own: &str, wanted: Use<'_>) -> Result<(), Refused> {
        let (permission, list, name) = match wanted {
            Use::Publish(topic) => ("publish", &self.publish, topic),
            Use::Call(service) => ("call", &self.call, service),
            Use::Register(service) => ("register", &self.register, service),
            Use::State(key) => ("state", &self.state, key),
            Use::Subscribe(filter) => match filter.strip_prefix(STATE_CHANGED) {
                Some(key) if self.check(own, Use::State(key)).is_ok() => return Ok(()),
                _ => ("subscribe", &self.subscribe, filter),
            },
            Use::Storage(namespace) => {
                let granted = |granted: &String| granted == "*" || granted == namespace;
                return match namespace == own || self.storage.iter().any(granted) {
                    true => Ok(()),
                    false => Err(refused("storage", namespace)),
                };
            }
        };
        let below_own = name
            .strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match below_own || list.iter().any(|granted| covers(granted, name)) {
            true => Ok(()),
            false => Err(refused(permission, name)),
        }
    }

    /// The list of this name, one of [`LISTS`].
    pub fn list_mut(&mut self, name: &str) -> Option<&mut Vec<String>> {
        Some(match name {
            "publish" => &mut self.publish,
            "subscribe" => &mut self.subscribe,
            "call" => &mut self.call,
            "register" => &mut self.register,
            "state" => &mut self.state,
            "storage" => &mut self.storage,
            _ => return None,
        })
    }

    /// Every permission as a line for people: `publish heating.>`.
    pub fn lines(&self) -> Vec<String> {
        let lists = [
            ("publish", &self.publish),
            ("subscribe", &self.subscribe),
            ("call", &self.call),
            ("register", &self.register),
            ("state", &self.state),
            ("storage", &self.storage),
            ("read", &self.files.read),
            ("write", &self.files.write),
        ];
        let mut lines: Vec<String> = lists
            .iter()
            .flat_map(|(name, list)| list.iter().map(move |item| format!("{name} {item}")))
            .collect();
        if self.network {
            lines.push("network".to_owned());
        }
        lines
    }

    /// What these permissions have and `before` has not: what an upgrade asks for anew.
    pub fn beyond(&self, before: &Permissions) -> Vec<String> {
        let had = before.lines();
        self.lines()
            .into_iter()
            .filter(|line| !had.contains(line))
            .collect()
    }
}

fn refused(permission: &'static str, name: &str) -> Refused {
    Refused {
        permission,
        name: name.to_owned(),
    }
}

/// Whether all that `filter` (a filter, or a plain name) matches is also matched by `granted`.
pub fn covers(granted: &str, filter: &str) -> bool {
    let mut wanted = filter.split('.');
    for token in granted.split('.') {
        match (token, wanted.next()) {
            (">", Some(_)) => return true,
            (_, None | Some(">")) => return false,
            ("*", Some(_)) => {}
            (token, Some(wanted)) if token == wanted => {}
            _ => return false,
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_it_matches_whole() {
        for (granted, filter) in [
            (">", "a"),
            (">", ">"),
            (">", "a.*.>"),
            ("a.>", "a.b"),
            ("a.>", "a.>"),
            ("a.>", "a.*.c"),
            ("a.*", "a.b"),
            ("a.*", "a.*"),
            ("*.b", "*.b"),
            ("a.b", "a.b"),
        ] {
            assert!(covers(granted, filter), "{granted} {filter}");
        }
        for (granted, filter) in [
            ("a.>", "a"),
            ("a.>", ">"),
            ("a.>", "*.b"),
            ("a.*", "a.>"),
            ("a.*", "a"),
            ("a.*", "a.b.c"),
            ("a.b", "a.*"),
            ("*.b", "a.*"),
            ("a", "ab"),
            ("a.b.c", "a.b"),
        ] {
            assert!(!covers(granted, filter), "{granted} {filter}");
        }
    }

    #[test]
    fn own_names_are_free_and_others_are_not() {
        let none = Permissions::default();
        for free in [
            Use::Publish("lamp.on"),
            Use::Publish("lamp"),
            Use::Subscribe("lamp.>"),
            Use::Subscribe("state.changed.lamp.level"),
            Use::Call("lamp.set"),
            Use::Register("lamp.set"),
            Use::State("lamp.level"),
            Use::Storage("lamp"),
        ] {
            assert_eq!(none.check("lamp", free), Ok(()));
        }
        for (wanted, permission) in [
            (Use::Publish("lamps.on"), "publish"),
            (Use::Subscribe(">"), "subscribe"),
            (Use::Subscribe("state.changed.>"), "subscribe"),
            (Use::Subscribe("*.on"), "subscribe"),
            (Use::Call("storage"), "call"),
            (Use::Register("heating.set"), "register"),
            (Use::State("heating"), "state"),
            (Use::Storage("lamp2"), "storage"),
        ] {
            assert_eq!(none.check("lamp", wanted).unwrap_err().permission, permission);
        }
    }

    #[test]
    fn what_is_granted_is_allowed_and_a_state_key_brings_its_changes() {
        let some = Permissions {
            publish: vec!["heating.*".into()],
            state: vec!["house.>".into()],
            storage: vec!["devices".into()],
            ..Permissions::default()
        };
        assert!(some.check("lamp", Use::Publish("heating.on")).is_ok());
        assert!(some.check("lamp", Use::Publish("heating.on.now")).is_err());
        assert!(
            some.check("lamp", Use::Subscribe("state.changed.house.*"))
                .is_ok()
        );
        assert!(some.check("lamp", Use::Subscribe("state.changed.*")).is_err());
        assert!(some.check("lamp", Use::Storage("devices")).is_ok());
        let all = Permissions::all();
        for wanted in [
            Use::Subscribe(">"),
            Use::Storage("x"),
            Use::Call("a.b"),
            Use::State("x"),
        ] {
            assert!(all.check("lamp", wanted).is_ok());
        }
    }
}
