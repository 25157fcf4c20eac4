//! Messages become events, and events messages.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use kernel_core::{Context, Event, Fault, Json};
use mqtt_client::{Client, Happened, Incoming, Message, PublishError, topic};
use plugin_kit::below;
use plugin_kit::prelude::log;

use crate::counts::Counts;
use crate::rules::{FromBroker, Retained, Rules, ToBroker};

/// The most topics whose last message is kept in mind.
const MAX_REMEMBERED: usize = 10_000;

/// What both directions have in common.
#[derive(Debug)]
pub(crate) struct Bridge {
    /// The name that the plugin is there under.
    pub(crate) own: String,
    /// The broker, for people.
    pub(crate) broker: String,
    pub(crate) rules: Rules,
    pub(crate) counts: Counts,
}

impl Bridge {
    /// Publishes an event at the broker, by each rule that is for it. What came from the broker does not go back.
    pub(crate) fn to_broker(&self, cx: &Context, client: &Client, event: &Event<'_>) {
        if event.lost > 0 {
            let lost = u64::from(event.lost);
            let said = || format!("{lost} events were lost, for they came faster than they were taken");
            self.counts
                .left_out("lost", |counts| counts.lost_events += lost, said);
        }
        if event.source.index() == cx.id().index() {
            return;
        }
        for rule in &self.rules.to_broker {
            if kernel_core::subject::matches(&rule.filter, event.topic()) {
                self.one_to_broker(rule, client, event);
            }
        }
    }

    fn one_to_broker(&self, rule: &ToBroker, client: &Client, event: &Event<'_>) {
        let topic = event.topic();
        let Some(to) = rule.mapping.to_broker(topic) else {
            let said = || format!("the event {topic} has no topic at the broker");
            return self
                .counts
                .left_out("no topic", |counts| counts.not_mapped += 1, said);
        };
        let payload = match rule.encoding.to_bytes(event.payload().as_bytes()) {
            Ok(payload) => payload,
            Err(why) => {
                let said = || format!("the event {topic} is not sent to the broker: {why}");
                return self
                    .counts
                    .left_out("payload of event", |counts| counts.bad_payload += 1, said);
            }
        };
        let message = Message {
            topic: to,
            payload,
            qos: rule.qos,
            retain: rule.retain,
        };
        match client.publish(message) {
            Ok(()) => self.counts.add(|counts| counts.to_broker += 1),
            Err(error @ PublishError::TooLarge { .. }) => {
                let said = || format!("the event {topic} is not sent to the broker: {error}");
                self.counts
                    .left_out("too large for the broker", |counts| counts.too_large += 1, said);
            }
            Err(error) => {
                let said = || format!("the event {topic} is not sent to the broker: {error}");
                self.counts
                    .left_out("not sent", |counts| counts.not_published += 1, said);
            }
        }
    }

    /// Publishes on the bus what the broker sends, until the connection is closed or the plugin's life is over.
    pub(crate) async fn to_bus(self: Arc<Self>, cx: Context, mut incoming: Incoming) {
        let mut memory = Memory::default();
        let mut outage = None;
        while let Some(happened) = incoming.next().await {
            let is_alive = match happened {
                Happened::Connected { .. } => {
                    outage = None;
                    log::info!("{} is connected to {}", self.own, self.broker);
                    self.tell(&cx, ".connected", "{}").await
                }
                Happened::Disconnected(reason) => {
                    if outage.as_ref() != Some(&reason) {
                        log::warn!("{} is not connected to {}: {reason}", self.own, self.broker);
                    }
                    let details = serde_json::json!({"reason": reason}).to_string();
                    let was_connected = outage.replace(reason).is_none();
                    !was_connected || self.tell(&cx, ".disconnected", &details).await
                }
                Happened::SubscriptionRefused { filter, reason } => {
                    log::warn!("{} refuses the subscription {filter}: {reason}", self.broker);
                    self.counts.add(|counts| counts.refused_subscriptions += 1);
                    true
                }
                Happened::Message(message) => self.message_to_bus(&cx, message, &mut memory).await,
                _ => true,
            };
            if !is_alive {
                return;
            }
        }
    }

    async fn message_to_bus(&self, cx: &Context, message: Message, memory: &mut Memory) -> bool {
        let rules = self.rules.from_broker.iter();
        let rules: Vec<_> = rules
            .filter(|rule| topic::matches(&rule.filter, &message.topic))
            .collect();
        let is_known = memory.is_last(&message);
        if rules.is_empty() {
            self.counts.add(|counts| counts.without_rule += 1);
        }
        for rule in rules {
            let passes = match rule.retained {
                _ if !message.retain => true,
                Retained::Once => !is_known,
                Retained::Always => true,
                Retained::Never => false,
            };
            if !passes {
                self.counts.add(|counts| counts.retained_passed += 1);
            } else if !self.one_to_bus(cx, rule, &message).await {
                return false;
            }
        }
        true
    }

    async fn one_to_bus(&self, cx: &Context, rule: &FromBroker, message: &Message) -> bool {
        let from = &message.topic;
        let Some(topic) = rule.mapping.to_bus(from) else {
            let said = || {
                format!(
                    "the message {from:?} has no topic on the bus: it is too long, or nothing stands for #"
                )
            };
            self.counts
                .left_out("no topic of bus", |counts| counts.not_mapped += 1, said);
            return true;
        };
        let bad = |why: String| {
            let said = || format!("the message {from:?} is not what its rule says: {why}");
            self.counts
                .left_out("payload", |counts| counts.bad_payload += 1, said);
            true
        };
        let text = match rule.encoding.to_json(message.payload.clone()) {
            Ok(text) => text,
            Err(why) => return bad(why),
        };
        let json = match Json::parse(&text) {
            Ok(json) => json,
            Err(why) => return bad(format!("it is no JSON: {why}")),
        };
        match cx.publish(&topic, json).await {
            Ok(_) => self.counts.add(|counts| counts.to_bus += 1),
            Err(Fault::Unloaded) => return false,
            Err(fault @ Fault::TooLarge { .. }) => {
                let said = || {
                    format!(
                        "the message {from:?} of {} bytes is not published: {fault}",
                        text.len()
                    )
                };
                self.counts
                    .left_out("too large for the bus", |counts| counts.too_large += 1, said);
            }
            Err(fault) => {
                let said = || format!("the message {from:?} is not published as {topic}: {fault}");
                self.counts
                    .left_out("not published", |counts| counts.not_published += 1, said);
            }
        }
        true
    }

    /// Publishes how the connection is.
    async fn tell(&self, cx: &Context, what: &str, details: &str) -> bool {
        let mut buf = [0; kernel_core::subject::MAX_SUBJECT];
        let (Ok(topic), Ok(json)) = (below(&self.own, what, &mut buf), Json::parse(details)) else {
            return true;
        };
        // Whether anybody hears it does not matter.
        cx.publish(topic, json).await != Err(Fault::Unloaded)
    }
}

/// The last message of each topic, by its hash: a broker sends retained ones again with each new subscription.
#[derive(Default)]
struct Memory {
    hasher: RandomState,
    last: HashMap<String, u64>,
}

impl Memory {
    /// Whether it is the same as the last one of its topic, which it is from now on. Of more topics than are kept in mind it
    /// is not known.
    fn is_last(&mut self, message: &Message) -> bool {
        let hash = self.hasher.hash_one(&message.payload);
        match self.last.get_mut(&message.topic) {
            Some(last) => std::mem::replace(last, hash) == hash,
            None => {
                if self.last.len() < MAX_REMEMBERED {
                    self.last.insert(message.topic.clone(), hash);
                }
                false
            }
        }
    }
}
