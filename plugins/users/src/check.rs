//! What ids, names, roles and scopes look like.

use kernel_core::Error;
use kernel_core::subject::{check_filter, check_plugin_name};

use crate::model::{PAGE, Paging, Settings};

/// The most bytes of a key that is stored.
const MAX_KEY: usize = 255;
/// The most characters of a user's id, and of a name for people.
const MAX_TEXT: usize = 64;
/// The most roles of a user.
const MAX_ROLES: usize = 16;
/// The most scopes of a role.
const MAX_SCOPES: usize = 64;

fn refused(what: std::fmt::Arguments<'_>) -> Error {
    Error::format("invalid_argument", what)
}

/// The beginning of a text that may be anything, for a message.
pub(crate) fn brief(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("{shown:?}")
}

pub(crate) fn id(id: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = id.bytes().next().is_some_and(plain)
        && id.len() <= MAX_TEXT
        && id.bytes().all(|byte| plain(byte) || b"_-".contains(&byte));
    match good {
        true => Ok(()),
        false => Err(refused(format_args!(
            "id {}: 1 to {MAX_TEXT} of a-z, 0-9, _ and - are wanted, a letter or digit first",
            brief(id)
        ))),
    }
}

pub(crate) fn name(name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    match (1..=MAX_TEXT).contains(&length) && !name.chars().any(char::is_control) && !name.trim().is_empty() {
        true => Ok(()),
        false => Err(refused(format_args!(
            "name {}: 1 to {MAX_TEXT} characters are wanted, none of them a control character",
            brief(name)
        ))),
    }
}

/// The roles of a user, of which none is there twice.
pub(crate) fn roles(roles: &[String]) -> Result<(), Error> {
    if roles.len() > MAX_ROLES {
        return Err(refused(format_args!(
            "roles: a user has {MAX_ROLES} at most, not {}",
            roles.len()
        )));
    }
    let twice = roles
        .iter()
        .enumerate()
        .find(|(at, role)| roles[..*at].contains(role));
    match twice {
        None => Ok(()),
        Some((_, role)) => Err(refused(format_args!("roles: {} is there twice", brief(role)))),
    }
}

pub(crate) fn role(role: &str) -> Result<(), Error> {
    check_plugin_name(role).map_err(|_| {
        refused(format_args!(
            "role {}: 1 to 32 of a-z, 0-9, _ and - are wanted, a letter first",
            brief(role)
        ))
    })
}

pub(crate) fn scopes(scopes: &[String]) -> Result<(), Error> {
    if scopes.len() > MAX_SCOPES {
        return Err(refused(format_args!(
            "scopes: a role has {MAX_SCOPES} at most, not {}",
            scopes.len()
        )));
    }
    match scopes.iter().find(|scope| !is_scope(scope)) {
        None => Ok(()),
        Some(scope) => Err(refused(format_args!(
            "scope {}: a name such as devices.set_state or devices.* is wanted, with :FILTER behind it or not",
            brief(scope)
        ))),
    }
}

/// Whether it has the form of a scope. What there is to be allowed is known by whoever allows it.
pub(crate) fn is_scope(scope: &str) -> bool {
    let (name, filter) = match scope.split_once(':') {
        Some((name, filter)) => (name, Some(filter)),
        None => (scope, None),
    };
    let tokens = name.split('.').count();
    let wild = name.split('.').position(|token| token == "*" || token == ">");
    check_filter(name).is_ok()
        && tokens > 1
        && wild.is_none_or(|at| at == tokens - 1)
        && filter.is_none_or(|filter| check_filter(filter).is_ok())
}

pub(crate) fn paging(paging: &Paging) -> Result<(), Error> {
    if paging.after.len() > MAX_KEY {
        return Err(refused(format_args!(
            "after {}: {MAX_KEY} bytes at most",
            brief(&paging.after)
        )));
    }
    match (1..=PAGE).contains(&paging.limit) {
        true => Ok(()),
        false => Err(refused(format_args!(
            "limit {}: 1 to {PAGE} is wanted",
            paging.limit
        ))),
    }
}

/// Settings that are wrong leave the plugin FAILED, with what is wrong.
pub(crate) fn settings(settings: &Settings) -> Result<(), Error> {
    let wrong = |error: Error| Error::format("invalid_settings", format_args!("roles: {}", error.message()));
    for (name, allowed) in &settings.roles {
        role(name).map_err(wrong)?;
        scopes(allowed).map_err(wrong)?;
    }
    match settings.max_users {
        1..=100_000 => Ok(()),
        other => Err(Error::format(
            "invalid_settings",
            format_args!("max_users {other}: 1 to 100000 is wanted"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::is_scope;

    #[test]
    fn what_has_the_form_of_a_scope() {
        for good in [
            "devices.get",
            "devices.*",
            "events.watch:device.>",
            "storage.read:history",
            "a.b.c",
            "devices.>",
        ] {
            assert!(is_scope(good), "{good}");
        }
        for bad in [
            "", "*", "devices", ">", "*.get", "a.*.c", "a..b", "a.b:", "a.b:x..y", "a b.c",
        ] {
            assert!(!is_scope(bad), "{bad}");
        }
    }
}
