//! Arguments, checked before anything is sent.

use std::io::Read;
use std::time::Duration;

use kernel_core::Json;
use kernel_core::json::JsonError;
use kernel_core::storage::{MAX_NAMESPACE, MAX_STORAGE_KEY};
use kernel_core::subject::{check_filter, check_plugin_name, check_topic};

use super::exit::Failure;

/// The most that is read from stdin; no runtime takes a message as long.
const MAX_STDIN: u64 = 64 * 1024 * 1024;

/// How much of a faulty JSON text is shown on either side of the fault, in characters.
const SHOWN: usize = 32;

/// The longest span that an option takes, in seconds: a day.
const LONGEST: f64 = 86_400.0;

/// A topic, also the name of a service.
pub(crate) fn topic(text: &str) -> Result<String, String> {
    check_topic(text)
        .map(|()| text.to_owned())
        .map_err(|fault| fault.to_string())
}

/// A filter.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    check_filter(text)
        .map(|()| text.to_owned())
        .map_err(|fault| fault.to_string())
}

/// The name of a plugin.
pub(crate) fn plugin(text: &str) -> Result<String, String> {
    match check_plugin_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(fault) => Err(format!(
            "{fault}; a plugin's name has a-z, 0-9, `_` and `-`, a letter first"
        )),
    }
}

/// A key of the state.
pub(crate) fn state_key(text: &str) -> Result<String, String> {
    topic(text)?;
    // A change of it is an event of this topic, which leaves the key less room than a topic has.
    match check_topic(&format!("state.changed.{text}")) {
        Ok(()) => Ok(text.to_owned()),
        Err(fault) => Err(format!("as a part of the topic `state.changed.KEY`: {fault}")),
    }
}

/// A namespace of the storage.
pub(crate) fn namespace(text: &str) -> Result<String, String> {
    stored_name(text, MAX_NAMESPACE)
}

/// A key of the storage.
pub(crate) fn storage_key(text: &str) -> Result<String, String> {
    stored_name(text, MAX_STORAGE_KEY)
}

fn stored_name(text: &str, max: usize) -> Result<String, String> {
    if text.is_empty() {
        return Err("empty".to_owned());
    }
    if text.len() > max {
        return Err(format!("{} bytes long, of at most {max}", text.len()));
    }
    match text.bytes().position(|byte| byte.is_ascii_control()) {
        Some(at) => Err(format!("control character at byte {at}")),
        None => Ok(text.to_owned()),
    }
}

/// A span in seconds, above 0 and up to a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let allowed = "not a number of seconds above 0 and up to 86400, such as 30 or 0.5";
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => {
            Duration::try_from_secs_f64(seconds).map_err(|_| allowed.to_owned())
        }
        _ => Err(allowed.to_owned()),
    }
}

/// A span in whole milliseconds, at least one: 0 means something else on the link.
pub(crate) fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// The JSON of an argument: its text, or with `-` what stdin has; `null` when there is none.
pub(crate) fn json(argument: Option<String>) -> Result<String, Failure> {
    let (place, text) = match argument {
        None => return Ok("null".to_owned()),
        Some(text) if text == "-" => ("stdin", read_stdin()?),
        Some(text) => ("the JSON argument", text),
    };
    match Json::parse(&text) {
        Ok(_) => Ok(text),
        Err(fault) => Err(Failure::Usage(format!("{place}: {}", explain(&text, fault)))),
    }
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(MAX_STDIN + 1)
        .read_to_string(&mut text);
    match read {
        Ok(count) if count as u64 > MAX_STDIN => Err(Failure::Usage(format!(
            "stdin has more than {MAX_STDIN} bytes: no runtime takes so much"
        ))),
        Ok(_) => Ok(text),
        Err(cause) => Err(Failure::Usage(format!("stdin cannot be read: {cause}"))),
    }
}

/// What is wrong, the text around it, and a mark below it.
fn explain(text: &str, fault: JsonError) -> String {
    // The offset of a fault inside a character is that of the character.
    let offset = text.floor_char_boundary(fault.offset());
    let (before, after) = text.split_at(offset);
    let skipped = before.chars().count().saturating_sub(SHOWN);
    let left: String = before.chars().skip(skipped).map(plain).collect();
    let right: String = after.chars().take(SHOWN).map(plain).collect();
    let dots = |cut: bool| if cut { "..." } else { "" };
    let (first, last) = (dots(skipped > 0), dots(after.chars().count() > SHOWN));
    let mark = first.len() + left.chars().count();
    let mut told = format!("{fault}\n  {first}{left}{right}{last}\n  {:mark$}^", "");
    if text.starts_with(|first: char| first.is_alphabetic()) {
        told.push_str("\n  a JSON string has double quotes, inside the shell's own: '\"text\"'");
    }
    told
}

/// One column for each character, so that the mark stands where it should.
fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_json_is_pointed_at() {
        let told = |text: &str| match json(Some(text.to_owned())) {
            Err(Failure::Usage(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            told("[1, x]"),
            "the JSON argument: unexpected byte at byte 4\n  [1, x]\n      ^"
        );
        assert_eq!(
            told("[1, 2"),
            "the JSON argument: the JSON text is cut off\n  [1, 2\n       ^"
        );
        assert!(told("привет").contains("double quotes"));
        assert!(told("").contains("no JSON value"));
        let long = format!("[{}x]", "1,".repeat(5000));
        assert!(told(&long).len() < 300);
        assert!(told(&long).contains("\n  ...1"));
        assert!(
            told("[\"\u{7}")
                .lines()
                .nth(1)
                .is_some_and(|line| line == "  [\" ")
        );
    }

    #[test]
    fn json_is_null_when_it_is_not_given() {
        assert_eq!(json(None).ok().as_deref(), Some("null"));
        assert_eq!(json(Some("-5".into())).ok().as_deref(), Some("-5"));
    }

    #[test]
    fn names_say_where_they_are_wrong() {
        assert!(topic("a..b").unwrap_err().contains("byte 2"));
        assert!(topic("a.*").unwrap_err().contains("byte 2"));
        assert!(filter("a.>.b").unwrap_err().contains("byte 2"));
        assert!(plugin("Lamp").unwrap_err().contains("byte 0"));
        assert!(state_key("a b").unwrap_err().contains("byte 1"));
        assert!(storage_key("a\nb").unwrap_err().contains("byte 1"));
        assert!(namespace(&"n".repeat(65)).unwrap_err().contains("at most 64"));
        assert_eq!(storage_key("a key / with spaces").unwrap(), "a key / with spaces");
    }

    #[test]
    fn spans_have_limits() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
        for wrong in ["0", "-1", "NaN", "inf", "86401", "5s", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!(millis(Duration::from_nanos(5)), 1);
    }
}
