//! Events: those of the node are published here, in their order; those that it may hear are published there.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kernel_core::{Context, Event, Fault, Json};
use kernel_link::{LostAt, Raw, Request, ToRuntime};
use serde_json::json;

use super::life::{Asks, Life};
use super::said::Happened;
use crate::lock::lock;
use crate::permissions::{Use, covers};

/// How long an event waits for subscribers that make publishers wait.
const WAIT: Duration = Duration::from_secs(5);

/// What the kernels alone say.
const RESERVED: [&str; 2] = ["runtime.", "state.changed."];
const PLUGIN: &str = "runtime.plugin.";

/// Events of the node that are not published yet, the first of them since when.
#[derive(Default)]
pub(super) struct Held {
    events: VecDeque<Happened>,
    since: Option<Instant>,
    /// Those of them for which the node has no credit yet.
    owed: u32,
    /// Events of the node that were lost in this life.
    lost: u64,
}

impl Held {
    pub(super) fn is_some(&self) -> bool {
        !self.events.is_empty()
    }

    /// Publishes the first.
    ///
    /// # Cancellation
    /// It has not happened.
    pub(super) async fn publish_first(&mut self, cx: Context) -> Result<u32, Fault> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let Some(event) = self.events.front() else {
            return Ok(0);
        };
        let payload = Json::new(&event.payload).map_err(|wrong| Fault::NotJson {
            at: wrong.offset() as u32,
        })?;
        let left = WAIT.saturating_sub(since.elapsed());
        cx.bus().publish_within(&event.topic, payload, left).await
    }
}

impl Life<'_> {
    /// The node has published something.
    pub(super) fn happened(&mut self, event: Happened) {
        self.held.owed += 1;
        if event.topic.starts_with(PLUGIN) {
            self.offers.wanted = true;
            self.list_next();
        }
        if let Some(key) = event.topic.strip_prefix("state.changed.") {
            self.state_changed(key, &event.payload);
        }
        if self.is_for_here(&event) {
            self.held.events.push_back(event);
            self.publish_what_can_be();
        }
        self.give_credit();
    }

    /// Whether it is an event of the node's own that may be published here.
    fn is_for_here(&self, event: &Happened) -> bool {
        let identity = &self.gate.identity;
        let granted = lock(&identity.granted);
        let shares = !granted.subscribe.is_empty();
        // Where this runtime has no name of its own, it is the operator.
        let own = self.offers.name_there.as_deref().unwrap_or("operator");
        !is_reserved(&event.topic)
            && !(shares && event.source == own)
            && granted.check(&identity.name, Use::Publish(&event.topic)).is_ok()
    }

    fn publish_what_can_be(&mut self) {
        while let Some(event) = self.held.events.front() {
            let outcome = match Json::new(&event.payload) {
                Ok(payload) => self.gate.cx.try_publish(&event.topic, payload),
                Err(wrong) => Err(Fault::NotJson {
                    at: wrong.offset() as u32,
                }),
            };
            if let Err(Fault::Busy { .. }) = outcome {
                return;
            }
            self.published(outcome);
        }
    }

    /// The first event was published, or not.
    pub(super) fn published(&mut self, outcome: Result<u32, Fault>) {
        let event = self.held.events.pop_front();
        self.held.since = None;
        if let (Some(event), Err(fault)) = (event, outcome) {
            let why = format!("{}: {fault}", event.topic);
            self.count_lost(event.seq, 1, &why);
        }
        self.give_credit();
    }

    /// Once half of the credit is used, and all that came is published, the node may send as much again.
    fn give_credit(&mut self) {
        if !self.held.is_some() && self.held.owed >= super::life::CREDIT / 2 {
            let owed = std::mem::take(&mut self.held.owed);
            // As small as a ping.
            let _ = self.line.send(&ToRuntime::Credit(owed));
        }
    }

    /// Events of the node did not come here. What they would have said is looked for.
    pub(super) fn lost(&mut self, from: u64, count: u64, at: LostAt) {
        let place = match at {
            LostAt::Bus => "on its bus, which had moved on",
            LostAt::Link => "on the link: too large for it",
        };
        self.count_lost(from, count, place);
        self.want_lists();
    }

    fn count_lost(&mut self, from: u64, count: u64, why: &str) {
        self.held.lost += count;
        let (name, total) = (&self.gate.identity.name, self.held.lost);
        let told = json!({"from": from, "count": count, "total": total, "why": why}).to_string();
        if let Ok(told) = Json::parse(&told) {
            // Where nobody has room for it, the log and the counter have it.
            let _ = self.gate.cx.try_publish(&format!("{name}.lost"), told);
        }
        let text = format!("{count} events of the node, from {from} on: {why}");
        self.trouble("lost", &text);
    }

    /// Something has happened here.
    pub(super) fn happened_here(&mut self, event: &Event<'_>) {
        if event.lost > 0 {
            self.mirror.wanted = true;
            self.offers.changed = true;
            self.list_next();
        }
        if event.source == self.gate.cx.id() {
            return;
        }
        let topic = event.topic();
        if topic.starts_with(PLUGIN) {
            self.offers.changed = true;
        }
        let own = format!("state.changed.{}.", self.gate.identity.name);
        if let Some(key) = topic.strip_prefix(&own) {
            return self.state_wanted(key, event);
        }
        let granted = lock(&self.gate.identity.granted).subscribe.clone();
        if !is_reserved(topic) && granted.iter().any(|filter| covers(filter, topic)) {
            let publish = Request::Publish {
                topic,
                timeout_ms: 0,
                payload: Raw::json(event.payload()),
            };
            self.ask(publish, Asks::Tell(format!("event {topic}")));
        }
    }
}

fn is_reserved(topic: &str) -> bool {
    RESERVED.iter().any(|reserved| topic.starts_with(reserved))
}
