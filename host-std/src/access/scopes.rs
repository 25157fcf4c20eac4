//! What a key allows: a list of scopes, each the name of something that can be asked for.
//!
//! | scope | allows |
//! |---|---|
//! | `lights.set` | calls of this service |
//! | `lights.read` | those calls that `lights.*` allows, of services that only read |
//! | `events.publish`, `events.watch` | publishing; watching, and subscribing |
//! | `state.read`, `state.write`, `storage.read`, `storage.write` | the coordination state, the storage |
//! | `runtime.inspect` | the lists of plugins, services, subscriptions and calls; health and metrics |
//! | `runtime.control` | starting and stopping plugins |
//! | `runtime.attach` | being a plugin |
//! | `admin.*` | everything |
//!
//! Wildcards are those of topics: `lights.*`, `state.*`. Behind a colon a filter narrows what it is about:
//! `events.watch:device.>`, `state.write:heating.*`, `storage.read:history`, `runtime.control:lights`.

use std::fmt;

use kernel_core::subject;
use plugin_host::permissions::covers;

/// Everything.
const ADMIN: &str = "admin.*";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted<'a> {
    /// To call a service, of which it is known that it only reads.
    Call {
        /// The service.
        service: &'a str,
        /// It only reads.
        reads: bool,
    },
    /// Something of this kind, about this name, filter or namespace; `None` for everything of the kind.
    Kind(&'static str, Option<&'a str>),
    /// State entries whose key begins so.
    Prefix(&'static str, &'a str),
    /// What nobody but an administrator may do.
    Admin,
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Call { service, .. } => write!(f, "call {service}"),
            Wanted::Kind(kind, Some(name)) => write!(f, "{kind} {name}"),
            Wanted::Kind(kind, None) | Wanted::Prefix(kind, "") => write!(f, "{kind} of everything"),
            Wanted::Prefix(kind, prefix) => write!(f, "{kind} {prefix}..."),
            Wanted::Admin => f.write_str("what needs an administrator"),
        }
    }
}

/// Whether the scopes allow it.
pub(super) fn allow(scopes: &[String], wanted: Wanted<'_>) -> bool {
    scopes.iter().any(|scope| scope == ADMIN || allows(scope, wanted))
}

fn allows(scope: &str, wanted: Wanted<'_>) -> bool {
    let (kinds, about) = match scope.split_once(':') {
        Some((kinds, about)) => (kinds, Some(about)),
        None => (scope, None),
    };
    match wanted {
        Wanted::Admin => false,
        Wanted::Call { service, reads } => {
            about.is_none() && (subject::matches(kinds, service) || reads && reads_of(kinds, service))
        }
        Wanted::Kind(kind, name) => {
            subject::matches(kinds, kind)
                && match (about, name) {
                    (None, _) => true,
                    (Some(about), Some(name)) => covers(about, name),
                    (Some(_), None) => false,
                }
        }
        Wanted::Prefix(kind, prefix) => {
            subject::matches(kinds, kind)
                && about.is_none_or(|about| {
                    let whole = about.strip_suffix(">");
                    whole.is_some_and(|whole| prefix.starts_with(whole))
                })
        }
    }
}

/// Whether the scope is that of the reading ones among those services of a plugin that `PLUGIN.*` is of.
fn reads_of(scope: &str, service: &str) -> bool {
    scope
        .strip_suffix(".read")
        .is_some_and(|plugin| of(service) == Some(plugin))
}

/// The plugin, of a service with a name of two tokens.
fn of(service: &str) -> Option<&str> {
    let (plugin, name) = service.split_once('.')?;
    (!name.contains('.')).then_some(plugin)
}

/// The scope that would allow it, for the error.
pub(super) fn missing(wanted: Wanted<'_>) -> String {
    match wanted {
        Wanted::Call { service, reads } => match of(service) {
            Some(plugin) if reads => format!("{plugin}.read"),
            _ => service.to_owned(),
        },
        Wanted::Kind(kind, Some(name)) => format!("{kind}:{name}"),
        Wanted::Kind(kind, None) | Wanted::Prefix(kind, "") => kind.to_owned(),
        Wanted::Prefix(kind, prefix) => format!("{kind}:{prefix}>"),
        Wanted::Admin => ADMIN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(of: &[&str]) -> Vec<String> {
        of.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn a_scope_allows_what_it_names_and_no_more() {
        let call = |service, reads| Wanted::Call { service, reads };
        for (scope, wanted, allowed) in [
            ("lights.set", call("lights.set", false), true),
            ("lights.set", call("lights.setup", false), false),
            ("lights.*", call("lights.set", false), true),
            ("lights.*", call("lights.group.set", false), false),
            ("lights.>", call("lights.group.set", false), true),
            ("lights.read", call("lights.list", true), true),
            ("lights.read", call("lights.set", false), false),
            ("lights.read", call("lights.group.list", true), false),
            ("lights.read", call("lightshow.list", true), false),
            ("lights.read", call("heating.list", true), false),
            (">", call("lights.set", false), true),
            ("admin.*", call("lights.set", false), true),
            ("admin.*", Wanted::Admin, true),
            (">", Wanted::Admin, false),
            ("lights.set:x", call("lights.set", false), false),
            ("events.watch", Wanted::Kind("events.watch", Some(">")), true),
            ("events.*", Wanted::Kind("events.watch", Some(">")), true),
            (
                "events.watch:device.>",
                Wanted::Kind("events.watch", Some("device.*.on")),
                true,
            ),
            (
                "events.watch:device.>",
                Wanted::Kind("events.watch", Some(">")),
                false,
            ),
            (
                "events.watch:device.*",
                Wanted::Kind("events.watch", Some("device.>")),
                false,
            ),
            (
                "events.watch:device.*",
                Wanted::Kind("events.watch", Some("device.*")),
                true,
            ),
            (
                "events.watch:device.lamp",
                Wanted::Kind("events.watch", Some("device.*")),
                false,
            ),
            ("events.watch", Wanted::Kind("events.publish", Some("a")), false),
            (
                "storage.read:history",
                Wanted::Kind("storage.read", Some("history")),
                true,
            ),
            ("storage.read:history", Wanted::Kind("storage.read", None), false),
            ("storage.*", Wanted::Kind("storage.write", Some("history")), true),
            (
                "state.read:heating.>",
                Wanted::Prefix("state.read", "heating.kitchen"),
                true,
            ),
            (
                "state.read:heating.>",
                Wanted::Prefix("state.read", "heating"),
                false,
            ),
            (
                "state.read:heating.*",
                Wanted::Prefix("state.read", "heating."),
                false,
            ),
            ("state.read", Wanted::Prefix("state.read", ""), true),
        ] {
            assert_eq!(allow(&scopes(&[scope]), wanted), allowed, "{scope}: {wanted:?}");
        }
        assert!(!allow(&[], call("lights.set", false)));
        assert!(allow(&scopes(&["a.b", "lights.set"]), call("lights.set", false)));
    }

    #[test]
    fn the_scope_that_is_missing_allows_it() {
        for wanted in [
            Wanted::Call {
                service: "lights.set",
                reads: false,
            },
            Wanted::Call {
                service: "lights.list",
                reads: true,
            },
            Wanted::Call {
                service: "lights.group.list",
                reads: true,
            },
            Wanted::Kind("events.watch", Some("device.*")),
            Wanted::Kind("storage.read", None),
            Wanted::Prefix("state.read", "heating."),
            Wanted::Prefix("state.read", ""),
            Wanted::Admin,
        ] {
            assert!(allow(&[missing(wanted)], wanted), "{wanted:?}");
        }
    }
}
