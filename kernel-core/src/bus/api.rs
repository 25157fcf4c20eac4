//! The bus as its users see it.

use core::time::Duration;

use super::{Draft, PublishError, SubscribeError};
use crate::id::{Cause, PluginId};
use crate::json::Json;
use crate::kernel::{Core, Kernel};
use crate::text::Name;
use crate::timer::{On, WaitError};

/// How long [`EventBus::publish`] waits for a subscriber that makes publishers wait.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Publish and subscribe, on behalf of one plugin or of the operator.
#[derive(Clone, Copy)]
pub struct EventBus {
    pub(crate) kernel: Kernel,
    pub(crate) who: PluginId,
}

impl EventBus {
    /// Publishes an event and gives the number of plugins that get it; 0 is fine.
    ///
    /// Waits only where a subscriber with [`Overflow::Block`](super::Overflow::Block) has unread
    /// events in the way, at most 5 seconds.
    ///
    /// # Errors
    /// See [`PublishError`]; on an error nobody gets the event.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub async fn publish(&self, topic: &str, payload: Json<'_>) -> Result<usize, PublishError> {
        self.publish_within(topic, payload, PUBLISH_TIMEOUT).await
    }

    /// [`EventBus::publish`] with a limit of its own for the wait.
    ///
    /// # Errors
    /// See [`PublishError`]; on an error nobody gets the event.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub async fn publish_within(
        &self,
        topic: &str,
        payload: Json<'_>,
        limit: Duration,
    ) -> Result<usize, PublishError> {
        self.publish_because(None, topic, payload, limit).await
    }

    /// [`EventBus::publish_within`] with what led to the event, where that is not what the plugin does now.
    pub(crate) async fn publish_because(
        &self,
        cause: Option<Cause>,
        topic: &str,
        payload: Json<'_>,
        limit: Duration,
    ) -> Result<usize, PublishError> {
        let attempt = |core: &mut Core| {
            let cause = cause.unwrap_or_else(|| core.plugins.cause_of(self.who));
            core.try_route(&Draft::new(self.who, cause, topic, &[payload.as_bytes()]), false)
        };
        let mut subscriber = match self.kernel.with(attempt) {
            Err(PublishError::Full { subscriber }) => subscriber,
            Err(error) => {
                self.kernel.with(|core| core.count_refused());
                return Err(error);
            }
            Ok((_, receivers)) => return Ok(receivers),
        };
        let outcome = self
            .kernel
            .wait(On::Space, self.kernel.deadline(limit), |core| {
                match attempt(core) {
                    Err(PublishError::Full { subscriber: slow }) => {
                        subscriber = slow;
                        None
                    }
                    done => Some(done),
                }
            })
            .await;
        let outcome = match outcome {
            Ok(done) => done.map(|(_, receivers)| receivers),
            Err(WaitError::Full { capacity }) => Err(PublishError::Waits { capacity }),
            Err(WaitError::Timeout) => Err(PublishError::Timeout { subscriber }),
        };
        if outcome.is_err() {
            self.kernel.with(|core| core.count_refused());
        }
        outcome
    }

    /// Publishes without ever waiting: for interrupts and other threads.
    ///
    /// # Errors
    /// See [`PublishError`]; `Full` where `publish` would have waited.
    pub fn try_publish(&self, topic: &str, payload: Json<'_>) -> Result<usize, PublishError> {
        self.kernel.with(|core| {
            let cause = core.plugins.cause_of(self.who);
            let payload: &[&[u8]] = &[payload.as_bytes()];
            core.publish(&Draft::new(self.who, cause, topic, payload), false)
                .map(|(_, receivers)| receivers)
        })
    }

    /// [`EventBus::try_publish`] for a plugin that does several things at once and knows itself
    /// what led to this event.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn try_publish_because(
        &self,
        cause: Cause,
        topic: &str,
        payload: Json<'_>,
    ) -> Result<usize, PublishError> {
        self.kernel.with(|core| {
            let payload: &[&[u8]] = &[payload.as_bytes()];
            core.publish(&Draft::new(self.who, cause, topic, payload), false)
                .map(|(_, receivers)| receivers)
        })
    }

    /// Delivers to this plugin every event whose topic matches `filter` (`*` is one token, `>` the
    /// rest) while the plugin is started. Subscribing twice to the same filter changes nothing, and
    /// an event that matches several filters is delivered once.
    ///
    /// # Errors
    /// See [`SubscribeError`].
    pub fn subscribe<'n>(&self, filter: impl Into<Name<'n>>) -> Result<(), SubscribeError> {
        let filter = filter.into();
        self.kernel.with(|core| core.subscribe(self.who, filter))
    }

    /// Takes a subscription back; false when there was none. Events that are already queued are
    /// still delivered.
    pub fn unsubscribe(&self, filter: &str) -> bool {
        self.kernel
            .with(|core| Some(core.unsubscribe(self.who, filter)))
            .unwrap_or(false)
    }
}
