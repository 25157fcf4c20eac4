//! The node's state: each of its entries `KEY` is `NODE.KEY` here. Whoever sets that here asks the node to set it; what
//! the node then has is here again.

use std::collections::BTreeSet;

use kernel_core::{Event, Json, Name, PluginId};
use kernel_link::{Raw, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::life::{Asks, Life};

/// Room for an entry's key; its value does not matter.
const KEY: usize = 512;

/// What is known of the node's state.
#[derive(Default)]
pub(super) struct Mirror {
    /// It is to be listed.
    pub(super) wanted: bool,
    /// Keys that the node has, since the list began.
    seen: BTreeSet<String>,
}

impl Mirror {
    pub(super) fn list_again(&mut self) {
        self.seen.clear();
    }
}

/// What a change of state says.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

impl Life<'_> {
    fn here(&self, key: &str) -> String {
        format!("{}.{key}", self.gate.identity.name)
    }

    /// The node has this entry.
    pub(super) fn state_listed(&mut self, key: &str, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.set_here(key, &value),
            None => self.trouble("too_large", &format!("its state {key} is too long for the line")),
        }
    }

    /// All entries of the node are known: others are none of its.
    pub(super) fn states_listed(&mut self) {
        let (state, prefix) = (self.gate.cx.state(), self.here(""));
        let (mut cursor, mut others) = (0, Vec::new());
        loop {
            let mut buf = [0; KEY];
            let next = futures_util::FutureExt::now_or_never(state.keys(&prefix, &mut cursor, &mut buf));
            let Some(Ok(Some(entry))) = next else { break };
            match entry.key.strip_prefix(&prefix) {
                Some(key) if !self.mirror.seen.contains(key) => others.push(entry.key.to_owned()),
                _ => {}
            }
        }
        for key in others {
            let _ = state.delete(&key).now();
        }
    }

    /// An entry of the node has changed.
    pub(super) fn state_changed(&mut self, key: &str, payload: &[u8]) {
        let Ok(change) = serde_json::from_slice::<Change<'_>>(payload) else {
            return;
        };
        match change.value {
            Some(value) => self.set_here(key, value.get().as_bytes()),
            None => {
                self.mirror.seen.remove(key);
                let _ = self.gate.cx.state().delete(&self.here(key)).now();
            }
        }
    }

    fn set_here(&mut self, key: &str, value: &[u8]) {
        let here = self.here(key);
        let set = match Json::new(value) {
            Ok(value) => self.gate.cx.state().set(Name::Copied(&here), value).now(),
            Err(_) => return,
        };
        match set {
            Ok(_) => drop(self.mirror.seen.insert(key.to_owned())),
            Err(fault) => self.trouble(fault.code(), &format!("state {here}: {fault}")),
        }
    }

    /// Somebody here has changed an entry of the node.
    pub(super) fn state_wanted(&mut self, key: &str, event: &Event<'_>) {
        if event.source == PluginId::KERNEL {
            // Whoever set it is gone; what the node has stays.
            self.mirror.wanted = true;
            return self.list_next();
        }
        let Ok(change) = serde_json::from_str::<Change<'_>>(event.payload().as_str()) else {
            return;
        };
        let request = match change.value {
            Some(value) => Request::StateSet {
                key,
                ttl_ms: None,
                expected: None,
                value: Raw(value.get().as_bytes()),
            },
            None => Request::StateDelete { key, expected: None },
        };
        self.ask(request, Asks::Tell(format!("state {key}")));
    }
}
