//! What was when: changes of the state between two snapshots, and the difference of two snapshots.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::facts::{CHANGED, Event, Snapshot, State};

/// Takes a state change over that was published after the snapshot; true when it was one.
pub fn change(snapshot: &mut Snapshot, event: &Event) -> bool {
    #[derive(Deserialize)]
    struct Change<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
        version: u64,
    }
    let Some(key) = event.topic.strip_prefix(CHANGED) else {
        return false;
    };
    let Ok(Change { value, version }) = serde_json::from_slice(&event.payload) else {
        return false;
    };
    let at = snapshot.states.iter().position(|state| &*state.key == key);
    let value = value.map(|value| value.get().to_owned());
    match (at, value) {
        (Some(at), _) if snapshot.states[at].version >= version => return false,
        (None, _) if event.seq < snapshot.metrics.next_seq => return false,
        // Deleted or expired.
        (Some(at), None) => drop(snapshot.states.remove(at)),
        (None, None) => return false,
        (at, value) => {
            let state = State {
                key: key.into(),
                value,
                version,
                ttl_ms: None,
                owner: event.source.clone(),
            };
            match at {
                Some(at) => snapshot.states[at] = state,
                None => snapshot.states.push(state),
            }
        }
    }
    true
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// What it was; `None` when it was not there.
    pub before: Option<String>,
    /// What it is; `None` when it is gone.
    pub after: Option<String>,
}

/// What differs between two snapshots: states, plugins, services and subscriptions.
pub fn between(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut all: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for (what, is) in things(before) {
        all.entry(what).or_default().0 = Some(is);
    }
    for (what, is) in things(after) {
        all.entry(what).or_default().1 = Some(is);
    }
    let changed = all.into_iter().filter(|(_, (before, after))| before != after);
    changed
        .map(|(what, (before, after))| Difference { what, before, after })
        .collect()
}

/// All that can differ, by a name, with what it is.
fn things(of: &Snapshot) -> impl Iterator<Item = (String, String)> {
    let states = of.states.iter().map(|state| {
        let value = state
            .value
            .clone()
            .unwrap_or_else(|| format!("version {}, too long for the link", state.version));
        (format!("state {}", state.key), value)
    });
    let plugins = of.plugins.iter().map(|plugin| {
        let (code, message) = &plugin.error;
        let error = if code.is_empty() {
            String::new()
        } else {
            format!(" {code}: {message}")
        };
        (
            format!("plugin {}", plugin.name),
            format!("{}{error}", plugin.state.as_str()),
        )
    });
    let services = of.services.iter().map(|service| {
        let version = format!("of {} {}", service.owner, service.version);
        (format!("service {}", service.name), version.trim_end().to_owned())
    });
    let heard = of.subscriptions.iter().map(|heard| {
        (
            format!("subscription of {} to {}", heard.plugin, heard.filter),
            "there".to_owned(),
        )
    });
    states.chain(plugins).chain(services).chain(heard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Cause, PluginState, Slots};
    use crate::testing::snapshot;

    fn changed(seq: u64, key: &str, payload: &str) -> Event {
        Event {
            seq,
            time: 0,
            source: "lights".into(),
            cause: Cause::None,
            receivers: Slots::default(),
            topic: format!("{CHANGED}{key}").into(),
            payload: payload.as_bytes().into(),
        }
    }

    #[test]
    fn changes_since_a_snapshot_are_taken_over() {
        let was = snapshot(1);
        let next = was.metrics.next_seq;
        let mut is = was.clone();
        assert!(change(
            &mut is,
            &changed(next, "lights.scene", r#"{"value":"off","version":9000}"#)
        ));
        assert!(change(
            &mut is,
            &changed(next + 1, "new", r#"{"value":[1],"version":9001}"#)
        ));
        assert!(change(
            &mut is,
            &changed(next + 2, "door.guest", r#"{"expired":true,"version":9002}"#)
        ));
        // What the snapshot has already, and what is no change of the state.
        assert!(!change(
            &mut is,
            &changed(next - 9, "lights.scene", r#"{"value":"old","version":3}"#)
        ));
        assert!(!change(
            &mut is,
            &changed(next - 9, "gone", r#"{"value":"old","version":3}"#)
        ));
        assert!(!change(&mut is, &changed(next, "lights.scene", "no JSON")));
        let found: Vec<_> = between(&was, &is)
            .into_iter()
            .map(|one| (one.what, one.before, one.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("state door.guest".to_owned(), text("\"почтальон\""), None),
                (
                    "state lights.scene".to_owned(),
                    text(r#"{"name":"evening","rooms":["kitchen","hall"]}"#),
                    text("\"off\"")
                ),
                ("state new".to_owned(), None, text("[1]")),
            ]
        );
    }

    #[test]
    fn plugins_services_and_subscriptions_differ() {
        let was = snapshot(1);
        let mut is = was.clone();
        assert!(between(&was, &is).is_empty());
        is.plugins[2].state = PluginState::Failed;
        is.plugins[2].error = ("panic".into(), "at the lamp".into());
        is.services.remove(0);
        is.subscriptions.remove(1);
        let found: Vec<_> = between(&was, &is)
            .into_iter()
            .map(|one| (one.what, one.after))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "plugin lights".to_owned(),
                    Some("FAILED panic: at the lamp".to_owned())
                ),
                ("service thermostat.target".to_owned(), None),
                ("subscription of recorder to >".to_owned(), None),
            ]
        );
    }
}
