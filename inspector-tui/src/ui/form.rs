//! Forms: the fields of a request, checked as they are typed.

use std::time::Duration;

use kernel_core::subject::check_topic;
use tui_input::Input;

use super::described::Described;
use crate::facts::Request;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JSON text.
    Json,
    /// A topic.
    Topic,
    /// A key.
    Key,
    /// A time such as `30s`; empty for none.
    Time,
}

/// Why a field cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte at which it is wrong.
    pub at: usize,
    /// Why.
    pub reason: String,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its label.
    pub label: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What is said while it is empty.
    pub hint: &'static str,
    /// What is typed.
    pub input: Input,
    /// True while it holds what it opened with only so as to hold something: what is typed takes its place.
    pub stands_in: bool,
}

impl Field {
    fn new(label: &'static str, kind: Kind, hint: &'static str, value: &str) -> Self {
        Field {
            label,
            kind,
            hint,
            input: Input::new(one_line(value)),
            stands_in: value == "null",
        }
    }

    /// Something is typed: what only stood in for it goes.
    pub fn begin_typing(&mut self) {
        if std::mem::take(&mut self.stands_in) {
            self.input.reset();
        }
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        let text = self.input.value();
        match self.kind {
            Kind::Json => json_fault(text),
            Kind::Topic => check_topic(text).err().map(|error| Fault {
                at: text.len(),
                reason: error.to_string(),
            }),
            Kind::Key => check_topic(text).err().map(|error| Fault {
                at: text.len(),
                reason: error.to_string(),
            }),
            Kind::Time => time(text).err().map(|reason| Fault { at: 0, reason }),
        }
    }

    fn text(&self) -> String {
        self.input.value().trim().to_owned()
    }
}

/// Line ends become spaces: a field is one line, and JSON means the same with both.
pub fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ")
}

/// What is wrong with a JSON text.
fn json_fault(text: &str) -> Option<Fault> {
    if text.trim().is_empty() {
        return Some(Fault {
            at: text.len(),
            reason: "a JSON text is expected, such as null, 5, \"text\" or {\"key\": 1}".into(),
        });
    }
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let at = if error.is_eof() {
        text.len()
    } else {
        error.column().saturating_sub(1).min(text.len())
    };
    let mut said = error.to_string();
    if let Some(end) = said.find(" at line ") {
        said.truncate(end);
    }
    let column = text.get(..at).unwrap_or(text).chars().count() + 1;
    Some(Fault {
        at,
        reason: format!("column {column}: {said}"),
    })
}

/// A time such as `250ms`, `30s`, `5m` or `2h`; `None` for nothing.
fn time(text: &str) -> Result<Option<Duration>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit.trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(millis)
        .and_then(|(number, millis)| number.checked_mul(millis))
        .filter(|millis| *millis > 0)
        .map(|millis| Some(Duration::from_millis(millis)))
        .ok_or_else(|| format!("{text:?} is no time: 250ms, 30s, 5m and 2h are"))
}

/// What a form makes; its target was fixed when it opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Call this service.
    Call(String),
    /// Publish an event.
    Publish,
    /// Set a state value: the key, and the version seen; no key for a new one.
    State(Option<(String, u64)>),
    /// Store a value: the namespace, and the key; no key for a new one.
    Storage(String, Option<String>),
}

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// What it makes.
    pub what: What,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The field that has the keys.
    pub focus: usize,
    /// Why it was not sent when it was asked to.
    pub refused: Option<String>,
    /// What the service takes, a line for each argument.
    pub takes: Vec<String>,
}

impl Form {
    fn new(what: What, fields: Vec<Field>) -> Self {
        Form {
            what,
            fields,
            focus: 0,
            refused: None,
            takes: Vec::new(),
        }
    }

    /// It is known now what the service takes: arguments that nobody has typed yet begin with what fits.
    pub fn describe(&mut self, described: Described) {
        self.takes = described.lines;
        if let (Some(args), Some(field)) = (described.args, self.fields.first_mut())
            && field.stands_in
        {
            field.input = Input::new(one_line(&args));
            field.stands_in = false;
        }
    }

    /// A form to call a service.
    pub fn call(service: &str) -> Self {
        let args = Field::new("arguments", Kind::Json, "a JSON text", "null");
        let timeout = Field::new("deadline", Kind::Time, "the runtime's own; or 250ms, 30s, 5m", "");
        Form::new(What::Call(service.into()), vec![args, timeout])
    }

    /// A form to publish an event.
    pub fn publish(topic: &str) -> Self {
        let topic = Field::new("topic", Kind::Topic, "such as device.lamp.state", topic);
        let payload = Field::new("payload", Kind::Json, "a JSON text", "null");
        Form::new(What::Publish, vec![topic, payload])
    }

    /// A form to set a state value.
    pub fn state(key: &str, value: &str, version: u64, ttl_ms: Option<u64>) -> Self {
        let ttl = ttl_ms.map(|ms| {
            if ms.is_multiple_of(1000) {
                format!("{}s", ms / 1000)
            } else {
                format!("{ms}ms")
            }
        });
        let mut value = Field::new("value", Kind::Json, "a JSON text", value);
        // What is there is there to be edited, be it null.
        value.stands_in = false;
        let ttl = Field::new(
            "lives",
            Kind::Time,
            "for ever; or 250ms, 30s, 5m, 2h",
            &ttl.unwrap_or_default(),
        );
        Form::new(What::State(Some((key.into(), version))), vec![value, ttl])
    }

    /// A form to set a state value that is not there yet.
    pub fn new_state() -> Self {
        let mut form = Form::state("", "null", 0, None);
        form.what = What::State(None);
        form.fields
            .insert(0, Field::new("key", Kind::Key, "such as lamp.state", ""));
        if let Some(value) = form.fields.get_mut(1) {
            value.stands_in = true;
        }
        form
    }

    /// A form to store a value.
    pub fn storage(namespace: &str, key: &str, value: &str) -> Self {
        let mut value = Field::new("value", Kind::Json, "a JSON text", value);
        value.stands_in = false;
        Form::new(What::Storage(namespace.into(), Some(key.into())), vec![value])
    }

    /// A form to store a value under a new key.
    pub fn new_storage(namespace: &str) -> Self {
        let mut form = Form::storage(namespace, "", "null");
        form.what = What::Storage(namespace.into(), None);
        form.fields
            .insert(0, Field::new("key", Kind::Key, "such as settings", ""));
        if let Some(value) = form.fields.get_mut(1) {
            value.stands_in = true;
        }
        form
    }

    /// Its title.
    pub fn title(&self) -> String {
        match &self.what {
            What::Call(service) => format!("Call {service}"),
            What::Publish => "Publish an event".into(),
            What::State(Some((key, _))) => format!("Set state {key}"),
            What::State(None) => "Set a new state key".into(),
            What::Storage(namespace, Some(key)) => format!("Store {namespace} / {key}"),
            What::Storage(namespace, None) => format!("Store a new key in {namespace}"),
        }
    }

    /// The request as it would be sent now, or the first field that is wrong.
    pub fn request(&self) -> Result<Request, (usize, Fault)> {
        for (at, field) in self.fields.iter().enumerate() {
            if let Some(fault) = field.fault() {
                return Err((at, fault));
            }
        }
        Ok(self.as_typed())
    }

    /// The request with what is typed, right or wrong.
    pub fn as_typed(&self) -> Request {
        let text = |at: usize| self.fields.get(at).map(Field::text).unwrap_or_default();
        let span = |at: usize| time(&text(at)).ok().flatten();
        match &self.what {
            What::Call(service) => Request::Call {
                service: service.clone(),
                args: text(0),
                timeout: span(1),
            },
            What::Publish => Request::Publish {
                topic: text(0),
                payload: text(1),
            },
            What::State(Some((key, version))) => Request::StateSet {
                key: key.clone(),
                value: text(0),
                ttl: span(1),
                expected: Some(*version),
            },
            // Version 0 is "there is none": a key that someone else made meanwhile is not overwritten.
            What::State(None) => Request::StateSet {
                key: text(0),
                value: text(1),
                ttl: span(2),
                expected: Some(0),
            },
            What::Storage(namespace, Some(key)) => Request::StorageSet {
                namespace: namespace.clone(),
                key: key.clone(),
                value: text(0),
            },
            What::Storage(namespace, None) => Request::StorageSet {
                namespace: namespace.clone(),
                key: text(0),
                value: text(1),
            },
        }
    }

    /// The field that has the keys.
    pub fn focused(&mut self) -> Option<&mut Field> {
        self.fields.get_mut(self.focus)
    }

    /// Moves the keys by one field, around the end.
    pub fn turn(&mut self, forward: bool) {
        let n = self.fields.len().max(1);
        self.focus = (self.focus + if forward { 1 } else { n - 1 }) % n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut Form, at: usize, text: &str) {
        form.fields[at].input = Input::new(text.into());
    }

    #[test]
    fn json_that_does_not_parse_is_marked_where_it_is_wrong() {
        let mut form = Form::call("a.b");
        for (text, at, said) in [
            ("{\"a\":}", 5, "column 6: expected value"),
            ("[1,2", 4, "EOF while parsing a list"),
            ("\"Мир\" x", 9, "column 7: trailing characters"),
            ("", 0, "a JSON text is expected"),
            ("nul", 3, "EOF"),
        ] {
            typed(&mut form, 0, text);
            let (field, fault) = form.request().unwrap_err();
            assert_eq!((field, fault.at), (0, at), "{text}: {fault:?}");
            assert!(fault.reason.contains(said), "{text}: {fault:?}");
        }
        typed(&mut form, 0, " {\"a\": 1} ");
        assert_eq!(
            form.request(),
            Ok(Request::Call {
                service: "a.b".into(),
                args: "{\"a\": 1}".into(),
                timeout: None
            })
        );
    }

    #[test]
    fn times() {
        assert_eq!(time(""), Ok(None));
        assert_eq!(time("250ms"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(time(" 5 m "), Ok(Some(Duration::from_secs(300))));
        for text in ["5", "0s", "-1s", "5 weeks", "99999999999999999999s", "s"] {
            assert!(time(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn a_value_is_set_on_the_version_seen_only() {
        let form = Form::state("lamp", "1", 17, Some(1500));
        assert_eq!(
            form.request(),
            Ok(Request::StateSet {
                key: "lamp".into(),
                value: "1".into(),
                ttl: Some(Duration::from_millis(1500)),
                expected: Some(17)
            })
        );
        let mut form = Form::new_state();
        assert_eq!(form.request().unwrap_err().0, 0);
        typed(&mut form, 0, "lamp");
        assert!(matches!(
            form.request(),
            Ok(Request::StateSet {
                expected: Some(0),
                ..
            })
        ));
    }

    #[test]
    fn pasted_lines_become_one() {
        assert_eq!(one_line("{\r\n\t\"a\": 1\n}"), "{  \"a\": 1 }");
    }
}
