//! Changes of the state: which value was there before, and how long one lasts.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use kernel_core::subject::matches;
use kernel_core::{Context, Error, Fault, Json};
use serde_json::{Value, json};

use super::begin::read_states;
use super::{Due, Engine};
use crate::plan::TriggerId;
use crate::rule::{CHANGED, Trigger, is_same};

/// A value that a trigger with `for` waits on.
pub(super) struct Hold {
    pub(super) due: u64,
    /// It lasted long enough, and a run was begun by it.
    fired: bool,
    event: Value,
}

/// Bytes for a key and a value, of those that are looked through.
const ENTRY: usize = 1024;

impl Engine {
    /// A state entry has a new value.
    pub(super) async fn state_changed(&mut self, cx: &Context, key: &str, payload: Json<'_>) {
        let found = self.states.find(key);
        if found.is_empty() {
            return;
        }
        self.counters.candidates += found.len() as u64;
        let payload: Value = serde_json::from_slice(payload.as_bytes()).unwrap_or_default();
        let to = payload.get("value").cloned().unwrap_or(Value::Null);
        // What is gone takes no room.
        let from = match to {
            Value::Null => self.known.remove(key),
            _ => self.known.insert(key.to_owned(), to.clone()),
        };
        let from = from.unwrap_or(Value::Null);
        if is_same(&from, &to) {
            return;
        }
        let event = json!({"kind": "state", "key": key, "from": from, "to": to});
        let mut begun = None;
        for id in found {
            let wants = self.wants(cx, id, &event).await;
            let Some(Trigger::State { hold, .. }) = self.trigger_of(id) else {
                continue;
            };
            let wants_from = self
                .trigger_of(id)
                .is_some_and(|trigger| trigger.wants_from(&from));
            match *hold {
                Some(ms) => self.hold(id, key, ms, wants, wants_from, &event),
                None if wants && wants_from && begun != Some(id.place) => {
                    begun = Some(id.place);
                    self.fire(cx, id, event.clone()).await;
                }
                None => {}
            }
        }
    }

    /// A trigger with `for`: the time begins with the first value that it wants, and ends with one that it does not want.
    fn hold(&mut self, id: TriggerId, key: &str, ms: u64, wants: bool, wants_from: bool, event: &Value) {
        let at = (id, key.to_owned());
        if !wants {
            self.holds.remove(&at);
            return;
        }
        if !wants_from || self.holds.contains_key(&at) {
            return;
        }
        let due = self.clock.ms() + ms;
        self.timers.push(due, Due::Hold(id, key.to_owned()));
        let hold = Hold {
            due,
            fired: false,
            event: event.clone(),
        };
        self.holds.insert(at, hold);
    }

    /// A value may have lasted long enough: what it came with, if it did.
    pub(super) fn held(&mut self, id: TriggerId, key: String, due: u64) -> Option<Value> {
        let hold = self
            .holds
            .get_mut(&(id, key))
            .filter(|hold| hold.due == due && !hold.fired)?;
        hold.fired = true;
        Some(hold.event.clone())
    }

    /// Reads the values that there are of state entries whose keys match.
    pub(super) async fn learn(&mut self, cx: &Context, filter: &str) {
        if let Err(error) = self.try_learn(cx, filter).await {
            log(&error, filter);
        }
    }

    async fn try_learn(&mut self, cx: &Context, filter: &str) -> Result<(), Error> {
        let keys = match filter.find(['*', '>']) {
            None => vec![filter.to_owned()],
            Some(wildcard) => keys(cx, &filter[..wildcard]).await?,
        };
        let wanted = keys.iter().map(String::as_str);
        let wanted = wanted
            .filter(|key| matches(filter, key) && !self.known.contains_key(*key))
            .collect();
        self.known.extend(read_states(cx, wanted).await?);
        Ok(())
    }

    /// Events were lost: what was known may be no more.
    pub(crate) async fn learn_again(&mut self, cx: &Context, lost: u32) {
        self.counters.lost_events += u64::from(lost);
        plugin_kit::log::warn!("{lost} events were lost: rules that they would have triggered did not run");
        let triggers = self
            .places
            .iter()
            .flatten()
            .flat_map(|place| &place.rule.triggers);
        let filters: Vec<String> = triggers
            .filter_map(Trigger::subscription)
            .filter_map(|filter| filter.strip_prefix(CHANGED).map(ToOwned::to_owned))
            .collect();
        self.known.clear();
        for filter in filters {
            self.learn(cx, &filter).await;
        }
    }
}

/// The keys that begin with this.
async fn keys(cx: &Context, prefix: &str) -> Result<Vec<String>, Error> {
    let (mut keys, mut cursor, mut buf) = (Vec::new(), 0, vec![0; ENTRY]);
    loop {
        match cx.state().keys(prefix, &mut cursor, &mut buf).await {
            Ok(Some(entry)) => keys.push(entry.key.to_owned()),
            Ok(None) => return Ok(keys),
            // A key is shorter than that.
            Err(Fault::Buffer { .. }) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}

fn log(error: &Error, filter: &str) {
    let what = format!("the state entries {filter} could not be read: {error}");
    plugin_kit::log::warn!("{what}");
}

#[cfg(test)]
mod tests {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Poll, Waker};

    use kernel_core::json_literal;
    use plugin_kit::test::TestRuntime;

    use super::*;
    use crate::rule::Rule;

    /// The kernel in memory has its answers at once.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut core::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn after_lost_events_the_values_are_read_again() {
        let rt = TestRuntime::new();
        let (cx, state) = (rt.runtime().context(), rt.runtime().state());
        state.set("door.a", json_literal!("1")).now().unwrap();
        let mut engine = Engine::default();
        // An operator subscribes to nothing: the rule is put in its place by hand.
        let rule = json!({"id": "it", "triggers": [{"state": "door.*"}], "actions": [{"delay": 1}]});
        let rule = Rule::read(rule.as_object().unwrap(), &mut engine.limits()).unwrap();
        engine.settle_in(0, rule);
        engine.attach(0);
        now(engine.learn(&cx, "door.*"));
        assert_eq!(engine.known.get("door.a"), Some(&json!(1)));
        state.set("door.a", json_literal!("2")).now().unwrap();
        now(engine.learn_again(&cx, 3));
        assert_eq!(
            (engine.known.get("door.a"), engine.counters.lost_events),
            (Some(&json!(2)), 3)
        );
        now(engine.state_changed(&cx, "door.a", json_literal!(r#"{"deleted":true}"#)));
        assert!(engine.known.is_empty());
    }
}
