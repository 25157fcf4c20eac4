//! The bus as its users see it.

use core::time::Duration;

use super::ask::{Ask, count};
use super::context::Context;
use crate::fault::Fault;
use crate::json::Json;
use crate::kernel::Op;
use crate::subject::Name;
use crate::time::Span;

/// How long [`EventBus::publish`] waits for a subscriber that makes publishers wait.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Publish and subscribe, on behalf of one plugin or of the operator.
#[derive(Clone, Copy)]
pub struct EventBus(pub(crate) Context);

impl EventBus {
    /// Publishes an event; resolves to the number of plugins that get it, and 0 is fine.
    ///
    /// Waits only where a subscriber with [`Overflow::Block`](crate::Overflow::Block) has unread
    /// events in the way, at most [`PUBLISH_TIMEOUT`]; then [`Fault::Slow`] names it.
    ///
    /// Other errors: [`Fault::Name`], [`Fault::Reserved`], [`Fault::TooLarge`], [`Fault::Hops`], [`Fault::Full`] of
    /// `waits`, [`Fault::Unloaded`]. On an error nobody gets the event.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub fn publish<'a>(&self, topic: &'a str, payload: Json<'a>) -> Ask<'a, 'static, u32> {
        self.publish_within(topic, payload, PUBLISH_TIMEOUT)
    }

    /// [`EventBus::publish`] with a limit of its own for the wait.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub fn publish_within<'a>(
        &self,
        topic: &'a str,
        payload: Json<'a>,
        limit: Duration,
    ) -> Ask<'a, 'static, u32> {
        let op = Op::Publish {
            topic,
            payload,
            limit: Span::of(limit),
        };
        Ask::new(self.0.ask(op, &mut []), count)
    }

    /// Publishes without ever waiting: for interrupts and other threads.
    ///
    /// # Errors
    /// As for [`EventBus::publish`]; [`Fault::Busy`] where that would have waited.
    pub fn try_publish(&self, topic: &str, payload: Json<'_>) -> Result<u32, Fault> {
        self.publish_within(topic, payload, Duration::ZERO).now()
    }

    /// Delivers to this plugin every event whose topic matches `filter` (`*` is one token, `>` the
    /// rest) while the plugin is started. Resolves to false when it was subscribed to this filter already; an event
    /// that matches several filters is delivered once.
    ///
    /// Errors: [`Fault::Name`], [`Fault::Full`] of `filters` or `names`, [`Fault::Share`], [`Fault::Unloaded`].
    pub fn subscribe<'a>(&self, filter: impl Into<Name<'a>>) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::Subscribe(filter.into()))
    }

    /// Takes a subscription back; resolves to false when there was none. Events that are already queued are
    /// still delivered.
    pub fn unsubscribe<'a>(&self, filter: &'a str) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::Unsubscribe(filter))
    }
}
