//! The way between the broker, the house and what is known.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kernel_core::{Context, Error};
use mqtt_client::{Client, Happened, Incoming, Message, Options, Qos, serve};
use plugin_kit::{ContextValues, log};
use tokio::sync::oneshot;

use crate::bridge::Bridge;
use crate::effect::Effect;

/// Calls that take in what is new, one a second: the house may hear of it late.
const CALLS: u32 = 60;
/// Those that are still made once the house has all of it.
const LAST_CALLS: u32 = 2;

/// A connection, and what is known by it. It ends when the last one that has it drops it.
pub(crate) struct Link {
    client: Client,
    bridge: Mutex<Bridge>,
    /// Calls that are still to be made to take in devices.
    adopt: AtomicU32,
    /// Something was not published.
    is_behind: AtomicBool,
}

impl Link {
    /// Begins the connection; what comes of it is published by way of `cx`.
    pub(crate) fn begin(cx: Context, options: Options, bridge: Bridge) -> Result<Arc<Link>, Error> {
        let topics = bridge.topics_of_bridge();
        let (sent, link) = oneshot::channel::<Weak<Link>>();
        let client = serve(options, move |incoming| async move {
            if let Ok(link) = link.await {
                consume(&cx, incoming, &link).await;
            }
        })?;
        for topic in topics {
            subscribe(&client, &topic);
        }
        let link = Arc::new(Link {
            client,
            bridge: Mutex::new(bridge),
            adopt: AtomicU32::new(0),
            is_behind: AtomicBool::new(false),
        });
        // The thread waits for it, and cannot be gone.
        let _ = sent.send(Arc::downgrade(&link));
        Ok(link)
    }

    /// What is known, for a while without waiting.
    pub(crate) fn bridge(&self) -> MutexGuard<'_, Bridge> {
        self.bridge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the broker publish it, as soon as it can.
    pub(crate) fn send(&self, topic: String, payload: Vec<u8>) -> Result<(), String> {
        let message = Message::new(topic, payload).with_qos(Qos::AtLeastOnce);
        self.client.publish(message).map_err(|error| error.to_string())
    }

    /// Does all of it.
    pub(crate) async fn perform(&self, cx: &Context, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish(topic, payload) => {
                    if let Err(error) = cx.publish_value(topic, &payload).await {
                        log::warn!("{topic} is not published: {error}");
                        self.is_behind.store(true, Ordering::Relaxed);
                    }
                }
                Effect::Send(topic, payload) => {
                    if let Err(why) = self.send(topic, payload) {
                        log::warn!("not sent: {why}");
                    }
                }
                Effect::Listen(topics) => topics.iter().for_each(|topic| subscribe(&self.client, topic)),
                Effect::Leave(topics) => topics.iter().for_each(|topic| self.client.unsubscribe(topic)),
                Effect::Adopt => self.adopt.store(CALLS, Ordering::Relaxed),
            }
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
        let mut bridge = self.bridge();
        match happened {
            Happened::Connected { .. } => {
                log::info!("connected to the broker");
                bridge.connected()
            }
            Happened::Disconnected(why) => {
                log::warn!("no connection to the broker: {why}");
                bridge.disconnected();
                Vec::new()
            }
            Happened::Message(message) => bridge.message(&message.topic, &message.payload, message.retain),
            Happened::SubscriptionRefused { filter, reason } => {
                log::warn!("the broker refuses a subscription to {filter}: {reason}");
                bridge
                    .counts
                    .refuse("a subscription that the broker refuses", &filter);
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

fn subscribe(client: &Client, topic: &str) {
    if let Err(error) = client.subscribe(topic, Qos::AtLeastOnce) {
        log::warn!("no subscription to {topic}: {error}");
    }
}
