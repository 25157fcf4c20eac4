//! Scopes: their grammar, and which one allows all that another allows.

use kernel_core::Error;
use kernel_core::subject::{check_filter, check_plugin_name, check_topic};

/// The scope that allows everything.
pub(crate) const ADMIN: &str = "admin.*";

/// What is not done by services, each with a filter of topics, keys, namespaces or plugins behind it or without.
const NARROWED: [&str; 8] = [
    "events.publish",
    "events.watch",
    "state.read",
    "state.write",
    "storage.read",
    "storage.write",
    "runtime.control",
    "runtime.attach",
];
/// Those without a filter.
const PLAIN: [&str; 2] = ["runtime.inspect", ADMIN];
/// First tokens that are no plugin's.
const RESERVED: [&str; 5] = ["events", "state", "storage", "runtime", "admin"];

/// Checks a scope's form.
pub(crate) fn check(scope: &str) -> Result<(), Error> {
    match is_scope(scope) {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_argument",
            format_args!(
                "scope {}: SERVICE, PLUGIN.(read|*|>), {ADMIN}, runtime.(inspect|control|attach), or (events|state|storage).VERB[:FILTER] is wanted",
                crate::text::brief(scope)
            ),
        )),
    }
}

fn is_scope(scope: &str) -> bool {
    let (name, filter) = parts(scope);
    if let Some(filter) = filter {
        return NARROWED.contains(&name) && check_filter(filter).is_ok();
    }
    if NARROWED.contains(&name) || PLAIN.contains(&name) {
        return true;
    }
    let Some((plugin, rest)) = name.split_once('.') else {
        return false;
    };
    !RESERVED.contains(&plugin)
        && match rest {
            "*" | ">" => check_plugin_name(plugin).is_ok(),
            _ => check_topic(name).is_ok(),
        }
}

fn parts(scope: &str) -> (&str, Option<&str>) {
    match scope.split_once(':') {
        Some((name, filter)) => (name, Some(filter)),
        None => (scope, None),
    }
}

/// True when `wide` allows all that `narrow` allows.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    let ((name, filter), (other, narrower)) = (parts(wide), parts(narrow));
    if wide == ADMIN {
        return true;
    }
    if name == other {
        return match (filter, narrower) {
            (None, _) => true,
            (Some(filter), Some(narrower)) => filter_covers(filter, narrower),
            // Everything is more than all that has a name.
            (Some(_), None) => false,
        };
    }
    // Of the services of a plugin, of which `PLUGIN.read` are some.
    (filter, narrower) == (None, None) && filter_covers(name, other)
}

/// True when `wide` matches all that `narrow` matches.
fn filter_covers(wide: &str, narrow: &str) -> bool {
    let mut tokens = narrow.split('.');
    for token in wide.split('.') {
        match (token, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

/// True when some scope of `all` allows all that `scope` allows.
pub(crate) fn is_within(scope: &str, all: &[String]) -> bool {
    all.iter().any(|wide| covers(wide, scope))
}

/// Those of a user's scopes that have a form that is known: others allow nothing.
pub(crate) fn known(scopes: Vec<String>) -> Vec<String> {
    scopes.into_iter().filter(|scope| is_scope(scope)).collect()
}

/// What both a key and its user may do: of each two scopes, the one that the other covers.
pub(crate) fn both(key: &[String], user: &[String]) -> Vec<String> {
    let mut both: Vec<String> = Vec::new();
    for scope in key {
        if is_within(scope, user) {
            both.push(scope.clone());
        } else {
            both.extend(user.iter().filter(|narrow| covers(scope, narrow)).cloned());
        }
    }
    both.sort();
    both.dedup();
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|&scope| scope.to_owned()).collect()
    }

    #[test]
    fn the_grammar() {
        for good in [
            "devices.set_state",
            "devices.read",
            "devices.*",
            "devices.>",
            "a.b.c",
            "events.watch",
            "events.watch:device.>",
            "state.write:presence.*",
            "storage.read:history",
            "runtime.inspect",
            "runtime.control",
            "runtime.control:example",
            "runtime.attach:lights",
            "plugins.*",
            "plugins.install",
            "admin.*",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            ">",
            "devices",
            ">.devices",
            "runtime.inspect:devices",
            "devices.a.*",
            "*.read",
            "Devices.*",
            "devices..get",
            "devices.get:lamp",
            "events.*",
            "events.read",
            "state.>",
            "storage.delete",
            "runtime.*",
            "runtime.stop",
            "admin.read",
            "admin",
            "events.watch:",
            "events.watch:a..b",
            "events.watch:a.>.b",
            "devices.get ",
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.code(), "invalid_argument");
            assert!(
                error.message().starts_with(&format!("scope {bad:?}: ")),
                "{error}"
            );
            assert!(error.message().ends_with("is wanted"), "{error}");
        }
    }

    #[test]
    fn one_covers_another() {
        for (wide, narrow) in [
            ("admin.*", "runtime.control"),
            ("admin.*", "admin.*"),
            ("devices.*", "devices.read"),
            ("devices.*", "devices.get"),
            ("plugins.*", "plugins.install"),
            ("events.watch", "events.watch:a.b"),
            ("devices.>", "devices.*"),
            ("devices.>", "devices.group.get"),
            ("runtime.control", "runtime.control:example"),
            ("runtime.attach:a.*", "runtime.attach:a.b"),
            ("events.watch:>", "events.watch:a.b.c"),
            ("events.watch:a.>", "events.watch:a.*.c"),
            ("events.watch:a.*", "events.watch:a.b"),
            ("events.watch:a.>", "events.watch:a.b.>"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("devices.*", "admin.*"),
            ("devices.*", "devices2.get"),
            ("devices.*", "devices.group.get"),
            ("devices.*", "devices.>"),
            ("events.watch:>", "events.watch"),
            ("devices.read", "devices.get"),
            ("devices.get", "devices.*"),
            ("events.watch:a.>", "events.watch:a"),
            ("events.watch:a.*", "events.watch:a.>"),
            ("events.watch:a.*", "events.watch:a.b.c"),
            ("events.watch:a.b", "events.watch"),
            ("events.watch:a.b.c", "events.watch:a.b"),
            ("events.watch", "events.publish"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn a_key_does_what_its_user_may_do_as_well() {
        let user = list(&["devices.*", "events.watch:device.>", "state.read:a.b"]);
        let key = list(&[
            "devices.read",
            "events.watch",
            "state.read:a.*",
            "runtime.control",
        ]);
        assert_eq!(
            both(&key, &user),
            list(&["devices.read", "events.watch:device.>", "state.read:a.b"])
        );
        assert_eq!(both(&list(&[ADMIN]), &user), both(&user, &user));
        assert_eq!(both(&key, &list(&[ADMIN])).len(), 4);
    }
}
