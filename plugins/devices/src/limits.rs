//! How long and how deep what is taken in may be.

use alloc::string::String;

use kernel_core::Error;
use kernel_core::subject::check_topic;
use serde_json::Value;

use crate::state::Fields;

/// The most bytes of a device's id, which is one token of a topic: see [`kernel_core::subject`].
pub const MAX_ID: usize = 128;
/// The most bytes of an integration's own id of a device; it has no control characters.
pub const MAX_EXTERNAL_ID: usize = 200;
/// The most bytes of a name, and of the ids of homes, rooms and people.
pub const MAX_NAME: usize = 200;
/// The most bytes of a device's type, which is one token of a topic.
pub const MAX_TYPE: usize = 64;
/// The most people that a device is shared with.
pub const MAX_SHARED: usize = 64;
/// The most fields of a state, and of a discovery.
pub const MAX_FIELDS: usize = 64;
/// The most bytes of the name of a field.
pub const MAX_FIELD: usize = 64;
/// The deepest nesting of a field's value.
pub const MAX_DEPTH: usize = 8;
/// The most bytes of a state, as JSON. (A chip's storage may have less room.)
pub const MAX_STATE: usize = 8 * 1024;
/// The most bytes of a discovery, as JSON. (A chip's storage may have less room.)
pub const MAX_DISCOVERY: usize = 32 * 1024;

/// `text` as the id of a device, or as its type.
pub(crate) fn token(what: &str, text: &str, max: usize) -> Result<(), Error> {
    length(what, text, max)?;
    if text.contains('.') || check_topic(text).is_err() {
        return Err(invalid(format_args!(
            "{what}: {text:?} has a character that is not allowed: white space, a control character, `.`, `*` or `>`"
        )));
    }
    Ok(())
}

/// `text` as a name for people, or as an id that others made.
pub(crate) fn name(what: &str, text: &str, max: usize) -> Result<(), Error> {
    length(what, text, max)?;
    if text.chars().any(char::is_control) {
        return Err(invalid(format_args!("{what}: {text:?} has a control character")));
    }
    Ok(())
}

fn length(what: &str, text: &str, max: usize) -> Result<(), Error> {
    match text.len() {
        0 => Err(invalid(format_args!(
            "{what}: it is empty, 1 to {max} bytes are wanted"
        ))),
        len if len > max => Err(invalid(format_args!(
            "{what}: it has {len} bytes, at most {max} are allowed"
        ))),
        _ => Ok(()),
    }
}

/// The people that a device is shared with.
pub(crate) fn shared_with(people: &[String]) -> Result<(), Error> {
    if people.len() > MAX_SHARED {
        return Err(invalid(format_args!(
            "shared_with: {} people, at most {MAX_SHARED} are allowed",
            people.len()
        )));
    }
    people
        .iter()
        .try_for_each(|person| name("shared_with", person, MAX_NAME))
}

/// The fields of a state, or of a discovery, of at most `max` bytes.
pub(crate) fn fields(what: &str, fields: &Fields, max: usize) -> Result<(), Error> {
    if fields.len() > MAX_FIELDS {
        return Err(invalid(format_args!(
            "{what}: {} fields, at most {MAX_FIELDS} are allowed",
            fields.len()
        )));
    }
    for (field, value) in fields {
        name(what, field, MAX_FIELD)?;
        if !is_within(value, MAX_DEPTH) {
            return Err(invalid(format_args!(
                "{what}.{field}: it nests deeper than {MAX_DEPTH} levels"
            )));
        }
    }
    let len = serde_json::to_vec(fields).map_or(usize::MAX, |text| text.len());
    if len > max {
        return Err(invalid(format_args!(
            "{what}: it has {len} bytes, at most {max} are allowed"
        )));
    }
    Ok(())
}

fn is_within(value: &Value, depth: usize) -> bool {
    let inner = |inner: &Value| depth.checked_sub(1).is_some_and(|less| is_within(inner, less));
    match value {
        Value::Array(items) => items.iter().all(inner),
        Value::Object(fields) => fields.values().all(inner),
        _ => true,
    }
}

/// The error of arguments that do not fit.
pub(crate) fn invalid(message: core::fmt::Arguments<'_>) -> Error {
    Error::format("invalid_argument", message)
}
