//! A request in words: what a dialog shows is all that is sent.

use std::time::Duration;

use crate::facts::{Action, Answer, Request};

/// A verb and what it is done to.
pub fn title(request: &Request) -> String {
    match request {
        Request::Call { service, .. } => format!("Call {service}"),
        Request::Describe { service, .. } => format!("Look at {service}"),
        Request::Publish { topic, .. } => format!("Publish {topic}"),
        Request::Manage { action, plugin } => format!("{} plugin {plugin}", verb(*action)),
        Request::StateSet { key, .. } => format!("Set state {key}"),
        Request::StateDelete { key, .. } => format!("Delete state {key}"),
        Request::StorageNamespaces { .. } => "List namespaces".into(),
        Request::StorageKeys { namespace, .. } => format!("List keys of {namespace}"),
        Request::StorageGet { namespace, key } => format!("Read {namespace} / {key}"),
        Request::StorageSet { namespace, key, .. } => format!("Store {namespace} / {key}"),
        Request::StorageDelete { namespace, key } => format!("Delete {namespace} / {key}"),
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Load => "Load",
        Action::Start => "Start",
        Action::Stop => "Stop",
        Action::Unload => "Unload",
        Action::Reload => "Reload",
        _ => "Manage",
    }
}

/// Every part of it, by name.
pub fn parts(request: &Request) -> Vec<(&'static str, String)> {
    let span = |span: &Option<Duration>, none: &str| {
        span.map_or_else(|| none.to_owned(), |span| format!("{} ms", span.as_millis()))
    };
    let version = |expected: &Option<u64>| match expected {
        None => "whatever version it has".to_owned(),
        Some(0) => "there is no such key yet".to_owned(),
        Some(version) => format!("it is still version {version}"),
    };
    match request {
        Request::Call {
            service,
            args,
            timeout,
        } => vec![
            ("call", service.clone()),
            ("arguments", args.clone()),
            ("deadline", span(timeout, "the runtime's own")),
        ],
        Request::Describe { service, .. } => vec![("look at", service.clone())],
        Request::Publish { topic, payload } => vec![("publish", topic.clone()), ("payload", payload.clone())],
        Request::Manage { action, plugin } => vec![(
            match action {
                Action::Load => "load",
                Action::Start => "start",
                Action::Stop => "stop",
                Action::Unload => "unload",
                Action::Reload => "reload",
                _ => "manage",
            },
            format!("plugin {plugin}"),
        )],
        Request::StateSet {
            key,
            value,
            ttl,
            expected,
        } => vec![
            ("set state", key.clone()),
            ("to", value.clone()),
            ("lives", span(ttl, "for ever")),
            ("only if", version(expected)),
        ],
        Request::StateDelete { key, expected } => {
            vec![("delete state", key.clone()), ("only if", version(expected))]
        }
        Request::StorageNamespaces { after } => vec![("namespaces", format!("after {after:?}"))],
        Request::StorageKeys { namespace, after } => {
            vec![("keys of", namespace.clone()), ("after", format!("{after:?}"))]
        }
        Request::StorageGet { namespace, key } => vec![("read", key.clone()), ("in", namespace.clone())],
        Request::StorageSet {
            namespace,
            key,
            value,
        } => {
            vec![
                ("store", key.clone()),
                ("in", namespace.clone()),
                ("value", value.clone()),
            ]
        }
        Request::StorageDelete { namespace, key } => vec![("delete", key.clone()), ("in", namespace.clone())],
    }
}

/// What an answer says, and whether it is a good one.
pub fn answer(request: &Request, answer: &Answer) -> (bool, String) {
    match (request, answer) {
        (_, Answer::Failed(code, message)) if code.is_empty() => (false, message.clone()),
        (_, Answer::Failed(code, message)) => (false, format!("{code}: {message}")),
        (Request::Publish { .. }, Answer::Count(1)) => (true, "published to 1 receiver".into()),
        (Request::Publish { .. }, Answer::Count(n)) => (true, format!("published to {n} receivers")),
        (Request::StateSet { .. }, Answer::Count(version)) => (true, format!("it is version {version} now")),
        (_, Answer::Count(1)) => (true, "done: 1 value".into()),
        (_, Answer::Count(n)) => (true, format!("done: {n} values")),
        (_, Answer::Done) => (true, "done".into()),
        (_, Answer::Absent) => (false, "there is no such thing any more".into()),
        (_, Answer::Json(json)) => (true, json.clone()),
        (_, Answer::PluginState(state)) => (true, format!("it is {} now", state.as_str())),
        (_, Answer::Names { names, .. }) => (true, names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_hides_nothing_of_what_is_sent() {
        let request = Request::StateSet {
            key: "lamp".into(),
            value: "[1]".into(),
            ttl: Some(Duration::from_secs(3)),
            expected: Some(17),
        };
        let shown: String = parts(&request)
            .into_iter()
            .map(|(name, value)| format!("{name}={value};"))
            .collect();
        assert_eq!(
            shown,
            "set state=lamp;to=[1];lives=3000 ms;only if=it is still version 17;"
        );
        let request = Request::Call {
            service: "a.b".into(),
            args: "5".into(),
            timeout: None,
        };
        let shown: String = parts(&request)
            .into_iter()
            .map(|(name, value)| format!("{name}={value};"))
            .collect();
        assert_eq!(shown, "call=a.b;arguments=5;deadline=the runtime's own;");
    }

    #[test]
    fn a_failure_is_no_good_answer() {
        let request = Request::StorageDelete {
            namespace: "a".into(),
            key: "b".into(),
        };
        assert_eq!(
            answer(&request, &Answer::Failed("busy".into(), "later".into())),
            (false, "busy: later".into())
        );
        assert_eq!(
            answer(&request, &Answer::Count(1)),
            (true, "done: 1 value".into())
        );
        assert!(!answer(&request, &Answer::Absent).0);
    }
}
