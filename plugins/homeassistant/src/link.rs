//! The way between the broker, the house and what is known.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kernel_core::{Context, Error};
use mqtt_client::{Client, Happened, Incoming, Message, Options, Qos, serve};
use plugin_kit::{ContextValues, log};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::call::call;
use crate::effect::Effect;
use crate::found::Found;
use crate::offered::Offered;

/// Calls that take in what is new, one a second: the house may hear of it late.
const CALLS: u32 = 60;
/// Those that are still made once the house has all of it.
const LAST_CALLS: u32 = 2;

/// Both directions.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) prefix: String,
    pub(crate) offered: Option<Offered>,
    pub(crate) found: Found,
    /// Whether what others offer is taken in.
    pub(crate) finds: bool,
}

/// A connection, and what is known by it. It ends when the last one that has it drops it.
pub(crate) struct Link {
    client: Client,
    known: Mutex<Known>,
    is_connected: AtomicBool,
    /// Calls that are still to be made to take in devices.
    adopt: AtomicU32,
    /// Something was not published.
    is_behind: AtomicBool,
}

impl Known {
    /// The filters that are wanted all the time.
    fn filters(&self) -> Vec<String> {
        let prefix = &self.prefix;
        let mut filters = vec![
            format!("{prefix}/+/+/config"),
            format!("{prefix}/+/+/+/config"),
            format!("{prefix}/status"),
        ];
        filters.extend(self.offered.as_ref().map(Offered::command_filter));
        filters
    }

    fn message(&mut self, message: &Message) -> Vec<Effect> {
        let (topic, payload) = (message.topic.as_str(), message.payload.as_slice());
        let below = topic
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let mut effects = Vec::new();
        if let Some(offered) = &mut self.offered {
            let command = offered.command(topic, payload, message.retain, &mut self.found.counts);
            effects.extend(command.into_iter().flatten());
            if below == Some("status") && payload == b"online" {
                log::info!("Home Assistant is there: all is offered once more");
                effects.extend(offered.again());
            }
        }
        if let Some(path) = below.and_then(|below| below.strip_suffix("/config")) {
            if let Some(offered) = &mut self.offered {
                effects.extend(offered.heard(path, payload));
            }
            if self.finds {
                self.found.discovery(path, payload);
            }
        }
        effects.extend(self.found.message(topic, payload));
        effects
    }
}

impl Link {
    /// Begins the connection; what comes of it is published by way of `cx`.
    pub(crate) fn begin(cx: Context, options: Options, known: Known) -> Result<Arc<Link>, Error> {
        let filters = known.filters();
        let (sent, link) = oneshot::channel::<Weak<Link>>();
        let client = serve(options, move |incoming| async move {
            if let Ok(link) = link.await {
                consume(&cx, incoming, &link).await;
            }
        })?;
        for filter in filters {
            subscribe(&client, &filter);
        }
        let link = Arc::new(Link {
            client,
            known: Mutex::new(known),
            is_connected: AtomicBool::new(false),
            adopt: AtomicU32::new(0),
            is_behind: AtomicBool::new(false),
        });
        // The thread waits for it, and cannot be gone.
        let _ = sent.send(Arc::downgrade(&link));
        Ok(link)
    }

    /// What is known, for a while without waiting.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the broker is there.
    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Has the broker publish it.
    pub(crate) fn send(&self, topic: &str, payload: &str, retain: bool) -> Result<(), String> {
        let message = Message::new(topic, payload.as_bytes()).with_qos(Qos::AtLeastOnce);
        let message = if retain { message.retained() } else { message };
        self.client.publish(message).map_err(|error| error.to_string())
    }

    /// Does all of it. What is published retained while the broker is away is published when it is back.
    pub(crate) async fn perform(&self, cx: &Context, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish(topic, payload) => {
                    if let Err(error) = cx.publish_value(topic, &payload).await {
                        log::warn!("{topic} is not published: {error}");
                        self.is_behind.store(true, Ordering::Relaxed);
                    }
                }
                // What is cleared has nobody to clear it later.
                Effect::Send(topic, payload, retain) if self.is_connected() || payload.is_empty() => {
                    if let Err(why) = self.send(&topic, &payload, retain) {
                        log::warn!("{topic} is not published: {why}");
                    }
                }
                Effect::Send(..) => {}
                Effect::Listen(topics) => topics.iter().for_each(|topic| subscribe(&self.client, topic)),
                Effect::Leave(topics) => topics.iter().for_each(|topic| self.client.unsubscribe(topic)),
                Effect::SetState(id, state) => self.set_state(cx, &id, &state).await,
                Effect::Adopt => self.adopt.store(CALLS, Ordering::Relaxed),
            }
        }
    }

    async fn set_state(&self, cx: &Context, id: &str, state: &Value) {
        let wanted = json!({"id": id, "state": state});
        let called = call::<Value>(cx, "devices.set_state", &wanted).await;
        if let Err(error) = called {
            let why = format!("a command that the house does not take: {}", error.code());
            self.known()
                .found
                .counts
                .refuse(&why, &format!("{id}: {}", error.message()));
        }
    }

    /// Whether something was not published: the house took it too slowly, and has to hear all of it once more.
    pub(crate) fn was_behind(&self) -> bool {
        self.is_behind.swap(false, Ordering::Relaxed)
    }

    /// Whether devices are to be taken in by one more call.
    pub(crate) fn is_to_adopt(&self) -> bool {
        let less = |calls: u32| calls.checked_sub(1);
        let before = self
            .adopt
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.is_ok()
    }

    /// The house has all that it was said.
    pub(crate) fn has_adopted(&self) {
        self.adopt.fetch_min(LAST_CALLS, Ordering::Relaxed);
    }

    /// A call failed.
    pub(crate) fn adopt_again(&self) {
        self.adopt.store(CALLS, Ordering::Relaxed);
    }

    /// Ends the connection, and waits for that a while.
    pub(crate) async fn close(&self) {
        self.client.close(Duration::from_secs(1)).await;
    }

    fn happened(&self, happened: Happened) -> Vec<Effect> {
        match happened {
            Happened::Connected { .. } => {
                log::info!("connected to the broker");
                self.is_connected.store(true, Ordering::Relaxed);
                let known = self.known();
                let mut effects = known.offered.as_ref().map_or_else(Vec::new, Offered::again);
                effects.extend(known.found.report_all());
                effects
            }
            Happened::Disconnected(why) => {
                log::warn!("no connection to the broker: {why}");
                self.is_connected.store(false, Ordering::Relaxed);
                Vec::new()
            }
            Happened::Message(message) => self.known().message(&message),
            Happened::SubscriptionRefused { filter, reason } => {
                log::warn!("the broker refuses a subscription to {filter}: {reason}");
                let counts = &mut self.known().found.counts;
                counts.refuse("a subscription that the broker refuses", &filter);
                Vec::new()
            }
            other => {
                log::debug!("nothing comes of {other:?}");
                Vec::new()
            }
        }
    }
}

async fn consume(cx: &Context, mut incoming: Incoming, link: &Weak<Link>) {
    while let Some(happened) = incoming.next().await {
        let Some(link) = link.upgrade() else { return };
        let effects = link.happened(happened);
        link.perform(cx, effects).await;
    }
}

fn subscribe(client: &Client, filter: &str) {
    if let Err(error) = client.subscribe(filter, Qos::AtLeastOnce) {
        log::warn!("no subscription to {filter}: {error}");
    }
}
