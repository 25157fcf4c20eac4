//! The bus as its users see it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::{Draft, PublishError, SubscribeError};
use crate::id::{Cause, PluginId};
use crate::json::Json;
use crate::kernel::{Core, Kernel};
use crate::text::Name;
use crate::time::micros;
use crate::timer::{On, Place, WaitError};

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
    pub fn publish<'p>(
        &self,
        topic: &'p str,
        payload: Json<'p>,
    ) -> impl Future<Output = Result<usize, PublishError>> + use<'p> {
        // Not by `micros`: every event would pay for it.
        self.publishing(None, topic, payload, const { PUBLISH_TIMEOUT.as_micros() as u64 })
    }

    /// [`EventBus::publish`] with a limit of its own for the wait.
    ///
    /// # Errors
    /// See [`PublishError`]; on an error nobody gets the event.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub fn publish_within<'p>(
        &self,
        topic: &'p str,
        payload: Json<'p>,
        limit: Duration,
    ) -> impl Future<Output = Result<usize, PublishError>> + use<'p> {
        self.publishing(None, topic, payload, micros(limit))
    }

    /// [`EventBus::publish_within`] with what led to the event, where that is not what the plugin does now.
    #[cfg(feature = "link")]
    pub(crate) fn publish_because<'p>(
        &self,
        cause: Option<Cause>,
        topic: &'p str,
        payload: Json<'p>,
        limit: Duration,
    ) -> Publishing<'p> {
        self.publishing(cause, topic, payload, micros(limit))
    }

    fn publishing<'p>(
        &self,
        cause: Option<Cause>,
        topic: &'p str,
        payload: Json<'p>,
        limit: u64,
    ) -> Publishing<'p> {
        Publishing {
            who: self.who,
            cause,
            topic,
            payload,
            limit,
            place: Place::new(self.kernel, On::Space),
        }
    }

    /// Publishes without ever waiting: for interrupts and other threads.
    ///
    /// # Errors
    /// See [`PublishError`]; `Full` where `publish` would have waited.
    pub fn try_publish(&self, topic: &str, payload: Json<'_>) -> Result<usize, PublishError> {
        self.kernel.with(|core| {
            let payload: &[&[u8]] = &[payload.as_bytes()];
            core.publish(&Draft::new(self.who, None, topic.as_bytes(), payload), false)
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
            core.publish(
                &Draft::new(self.who, Some(cause), topic.as_bytes(), payload),
                false,
            )
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

/// See [`EventBus::publish`]. A struct rather than an `async fn`, which keeps what it is given twice.
pub(crate) struct Publishing<'p> {
    who: PluginId,
    cause: Option<Cause>,
    topic: &'p str,
    payload: Json<'p>,
    /// How long to wait at most; once it waits, until when.
    limit: u64,
    place: Place,
}

impl Publishing<'_> {
    fn attempt(&mut self, core: &mut Core, waker: &Waker) -> Poll<Result<usize, PublishError>> {
        let payload: &[&[u8]] = &[self.payload.as_bytes()];
        let draft = Draft::new(self.who, self.cause, self.topic.as_bytes(), payload);
        let error = match core.try_route(&draft, false) {
            Ok((_, receivers)) => return Poll::Ready(Ok(receivers)),
            Err(PublishError::Full { subscriber }) => {
                if !self.place.is_held() {
                    self.limit = core.now().saturating_add(self.limit);
                }
                match self.place.hold(core, self.limit, waker) {
                    None => return Poll::Pending,
                    Some(WaitError::Timeout) => PublishError::Timeout { subscriber },
                    Some(WaitError::Full { capacity }) => PublishError::Waits { capacity },
                }
            }
            Err(error) => error,
        };
        core.count_refused();
        Poll::Ready(Err(error))
    }
}

impl Future for Publishing<'_> {
    type Output = Result<usize, PublishError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let publishing = self.get_mut();
        let kernel = publishing.place.kernel;
        let outcome = kernel.with(|core| publishing.attempt(core, task.waker()));
        if outcome.is_ready() {
            publishing.place.leave();
        }
        outcome
    }
}
