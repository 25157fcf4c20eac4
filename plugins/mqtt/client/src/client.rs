//! What a plugin holds of a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::codec::{Codec, Filter, Outgoing};
use crate::message::{Message, Qos};
use crate::shared::{Change, Counters, Queued, Shared, Taken};
use crate::topic;
use crate::waiter::Waiter;

/// How long the last handle's connection has to send what waits.
const FAREWELL: Duration = Duration::from_secs(2);

/// Publishes and subscribes. Copies are handles of the same connection, which ends when the last one is dropped.
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) max_packet: u32,
}

impl Client {
    /// Queues a message to be sent as soon as the broker is there. Never waits. When the queue is full its oldest message
    /// is dropped and counted: of a state, the last value is the one that counts.
    ///
    /// # Errors
    /// Nothing was queued: it is no topic, too large, or the connection is closed.
    pub fn publish(&self, message: Message) -> Result<(), PublishError> {
        self.enqueue(self.checked(message)?, None)
    }

    /// The same, and waits until the broker acknowledged it; with QoS 0, until it is written to the connection. While the
    /// broker is away that is as long as it is away.
    ///
    /// # Errors
    /// Those of [`publish`](Self::publish); the broker refused it; it was dropped from the full queue; or the connection
    /// was closed before.
    ///
    /// # Cancellation
    /// The message is sent nevertheless.
    pub async fn publish_acknowledged(&self, message: Message) -> Result<(), PublishError> {
        let (say, answer) = oneshot::channel();
        // Whoever waited may be gone.
        self.publish_then(message, move |result| drop(say.send(result)))?;
        answer.await.unwrap_or(Err(PublishError::Closed))
    }

    /// The same, and calls `then` with what came of it, on the connection's thread, which it must not block. Where this
    /// returns an error it is not called.
    ///
    /// # Errors
    /// Those of [`publish`](Self::publish).
    pub fn publish_then(
        &self,
        message: Message,
        then: impl FnOnce(Result<(), PublishError>) + Send + 'static,
    ) -> Result<(), PublishError> {
        self.enqueue(self.checked(message)?, Some(Waiter::new(then)))
    }

    fn checked(&self, message: Message) -> Result<Outgoing, PublishError> {
        if !topic::is_topic(&message.topic) {
            return Err(PublishError::Topic(message.topic));
        }
        let message = message.into();
        let (size, max) = (Codec::size(&message), self.max_packet as usize);
        match size > max {
            true => Err(PublishError::TooLarge { size, max }),
            false => Ok(message),
        }
    }

    fn enqueue(&self, message: Outgoing, waiter: Option<Waiter>) -> Result<(), PublishError> {
        match self.shared.enqueue(Queued { message, waiter }) {
            Ok(()) => Ok(()),
            Err((error, refused)) => {
                if let Some(waiter) = refused.waiter {
                    waiter.forget();
                }
                Err(error)
            }
        }
    }

    /// Subscribes, now or as soon as the broker is there, and again whenever the session is a new one. What the broker
    /// refuses is told as [`Happened::SubscriptionRefused`].
    ///
    /// # Errors
    /// It is no filter.
    pub fn subscribe(&self, filter: &str, qos: Qos) -> Result<(), PublishError> {
        self.subscribe_as(filter, qos, false)
    }

    /// The same, without what this client itself publishes. MQTT 3.1.1 does not know that: there it comes back.
    ///
    /// # Errors
    /// It is no filter.
    pub fn subscribe_to_others(&self, filter: &str, qos: Qos) -> Result<(), PublishError> {
        self.subscribe_as(filter, qos, true)
    }

    fn subscribe_as(&self, filter: &str, qos: Qos, no_local: bool) -> Result<(), PublishError> {
        if !topic::is_filter(filter) || filter.len() + 32 > self.max_packet as usize {
            return Err(PublishError::Topic(filter.to_owned()));
        }
        self.change(Change::Subscribe(Filter {
            filter: filter.to_owned(),
            qos,
            no_local,
        }));
        Ok(())
    }

    /// Ends a subscription to exactly this filter.
    pub fn unsubscribe(&self, filter: &str) {
        self.change(Change::Unsubscribe(filter.to_owned()));
    }

    fn change(&self, change: Change) {
        self.shared.lock().changes.push(change);
        self.shared.wake.notify_one();
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters.clone()
    }

    /// Ends the connection: what waits is sent and acknowledged, and then the will, which the broker does not publish when
    /// a client leaves. After this time it ends anyway.
    ///
    /// # Cancellation
    /// It ends nevertheless.
    pub async fn close(&self, within: Duration) {
        let ended = self.shared.ended.notified();
        if self.shared.close(within) {
            ended.await;
        }
    }
}

impl Clone for Client {
    fn clone(&self) -> Self {
        self.shared.lock().clients += 1;
        Client {
            shared: Arc::clone(&self.shared),
            max_packet: self.max_packet,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let was_last = {
            let mut state = self.shared.lock();
            state.clients -= 1;
            state.clients == 0
        };
        if was_last {
            self.shared.close(FAREWELL);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// What comes from the broker, in order.
pub struct Incoming {
    pub(crate) shared: Arc<Shared>,
    /// What was taken last, and is acknowledged when the next one is asked for.
    pub(crate) last: Option<Taken>,
}

impl Incoming {
    /// What happened next; `None` once the connection is closed. Asking for it says that the message before has been dealt
    /// with: with QoS 1 and 2 it is acknowledged only then, and until then the broker keeps it.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Happened> {
        if let Some(taken) = self.last.take() {
            self.shared.lock().taken.push(taken);
            self.shared.wake.notify_one();
        }
        loop {
            {
                let mut state = self.shared.lock();
                if let Some((happened, taken)) = state.take() {
                    self.last = taken;
                    return Some(happened);
                }
                if state.closed {
                    return None;
                }
            }
            self.shared.happened.notified().await;
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// What happened at a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// The broker is there.
    Connected {
        /// It kept the session: subscriptions, and messages of QoS 1 and 2 of the meantime.
        session_present: bool,
    },
    /// It is not, or not any more, for this reason. It is tried again.
    Disconnected(String),
    /// A message.
    Message(Message),
    /// The broker does not allow a subscription.
    SubscriptionRefused {
        /// Its filter.
        filter: String,
        /// What the broker said.
        reason: String,
    },
}

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// It is no topic (or no filter).
    Topic(String),
    /// It is larger than [`Options::max_packet`](crate::Options::max_packet), or than what the broker takes.
    TooLarge {
        /// Its bytes, with the topic.
        size: usize,
        /// What is allowed.
        max: usize,
    },
    /// The queue was full, and this was its oldest message.
    Dropped,
    /// The broker refused it, for this reason.
    Refused(String),
    /// The connection is closed.
    Closed,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::Topic(topic) => {
                let shown: String = topic.chars().take(80).collect();
                write!(
                    f,
                    "{shown:?} is no MQTT topic or filter; allowed are 1 to 65,535 bytes, with + and # as whole levels of \
                     filters alone"
                )
            }
            PublishError::TooLarge { size, max } => {
                write!(f, "the message has {size} bytes; allowed are {max}")
            }
            PublishError::Dropped => f.write_str("the queue was full, and the message its oldest"),
            PublishError::Refused(reason) => write!(f, "the broker refused the message: {reason}"),
            PublishError::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl std::error::Error for PublishError {}

/// With the codes `invalid_argument`, `too_large`, `dropped`, `refused` and `closed`.
impl From<PublishError> for kernel_core::Error {
    fn from(error: PublishError) -> Self {
        let code = match error {
            PublishError::Topic(_) => "invalid_argument",
            PublishError::TooLarge { .. } => "too_large",
            PublishError::Dropped => "dropped",
            PublishError::Refused(_) => "refused",
            PublishError::Closed => "closed",
        };
        kernel_core::Error::new(code, &error.to_string())
    }
}
