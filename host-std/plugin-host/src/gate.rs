//! The way of one plugin's life to the runtime: what passes here was granted, and stays within its rates.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Instant;

use kernel_core::{Context, CoreRuntime, Json, Op, PluginId, Ticket, Waist};

use crate::lock::lock;
use crate::log::{Level, PluginLog};
use crate::manifest::Limits;
use crate::permissions::{Permissions, Refused, Use};
use crate::rpc_error::RpcError;
use crate::services::Services;

/// The topic on which refusals are told.
pub(crate) const REFUSED_TOPIC: &str = "plugins.refused";

/// What does not change from life to life of an installed plugin.
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) runtime: CoreRuntime,
    pub(crate) granted: Mutex<Permissions>,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<PluginLog>,
    pub(crate) services: Arc<Services>,
    /// Things that were refused for want of a permission.
    pub(crate) refusals: AtomicU64,
    /// Lines on its standard output that were no messages.
    pub(crate) noise: AtomicU64,
    /// Who tells of refusals on the bus.
    pub(crate) announcer: Arc<Announcer>,
}

/// Who publishes for the runtime's own part in installed plugins, while it is there.
#[derive(Default)]
pub(crate) struct Announcer(Mutex<Option<Context>>);

impl Announcer {
    pub(crate) fn set(&self, cx: Option<Context>) {
        *lock(&self.0) = cx;
    }
}

/// Whether the kernel has ended this life; the waker is kept for when it does.
pub(crate) fn is_over(waist: &dyn Waist, who: PluginId, waker: Option<&Waker>) -> bool {
    let mut ticket = Ticket::NONE;
    let alive = waist.run(who, &mut Op::Alive, &mut ticket, waker, &mut []);
    matches!(alive, Poll::Ready(Err(_)))
}

/// Waits until the kernel has ended the life of this context.
///
/// # Cancellation
/// Nothing happens.
pub(crate) async fn over(runtime: CoreRuntime, cx: Context) {
    let waist = runtime.kernel().waist();
    poll_fn(|task| match is_over(waist, cx.id(), Some(task.waker())) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// See the module's documentation.
pub(crate) struct Gate {
    pub(crate) identity: Arc<Identity>,
    pub(crate) cx: Context,
    events: Rate,
    calls: Rate,
}

impl Gate {
    pub(crate) fn new(identity: Arc<Identity>, cx: Context) -> Self {
        let limits = &identity.limits;
        Gate {
            events: Rate::new(limits.events_per_second),
            calls: Rate::new(limits.calls_per_second),
            identity,
            cx,
        }
    }

    /// Whether the plugin may do this.
    ///
    /// # Errors
    /// `denied`, with the permission that is missing and the command that grants it. It is counted, logged, and told
    /// on the bus.
    pub(crate) fn check(&self, wanted: Use<'_>) -> Result<(), RpcError> {
        let identity = &self.identity;
        identity
            .check(wanted)
            .map_err(|refused| RpcError::new("denied", refused.advice(&identity.name)))
    }

    /// One more event.
    pub(crate) fn count_event(&self) -> Result<(), RpcError> {
        self.events
            .take()
            .map_err(|limit| RpcError::new("busy", too_fast("events", limit)))
    }

    /// One more call.
    pub(crate) fn count_call(&self) -> Result<(), RpcError> {
        self.calls
            .take()
            .map_err(|limit| RpcError::new("busy", too_fast("calls", limit)))
    }
}

impl Refused {
    /// What to do about it.
    pub(crate) fn advice(&self, plugin: &str) -> String {
        format!("{self} is not granted: core-runtime plugin permissions {plugin} grant {self}")
    }
}

impl Identity {
    /// Whether the plugin may do this.
    ///
    /// # Errors
    /// The permission that is missing. It is counted, logged, and told on the bus.
    pub(crate) fn check(&self, wanted: Use<'_>) -> Result<(), Refused> {
        let checked = lock(&self.granted).check(&self.name, wanted);
        checked.inspect_err(|refused| self.refuse(refused))
    }

    fn refuse(&self, refused: &Refused) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        self.log
            .write(Level::Warn, &format!("refused: {}", refused.advice(&self.name)));
        let announcer = *lock(&self.announcer.0);
        if let Some(cx) = announcer {
            let told = serde_json::json!({
                "plugin": self.name, "permission": refused.permission, "name": refused.name,
            });
            if let Ok(told) = Json::parse(&told.to_string()) {
                // Where nobody has room for it, the count and the log have it.
                let _ = cx.try_publish(REFUSED_TOPIC, told);
            }
        }
    }
}

/// What is wrong when a rate is exceeded.
pub(crate) fn too_fast(what: &str, limit: u32) -> String {
    format!("more than {limit} {what} per second: limits.{what}_per_second in its manifest")
}

/// So many a second, and as many at once.
pub(crate) struct Rate {
    per_second: u32,
    /// How many are left, and since when.
    left: Mutex<(f64, Instant)>,
}

impl Rate {
    pub(crate) fn new(per_second: u32) -> Self {
        Rate {
            per_second,
            left: Mutex::new((per_second.into(), Instant::now())),
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The rate, when none is left.
    pub(crate) fn take(&self) -> Result<(), u32> {
        let mut place = lock(&self.left);
        let (left, since) = &mut *place;
        if *left < 1.0 {
            let now = Instant::now();
            let per_second = f64::from(self.per_second);
            let grown = (now - std::mem::replace(since, now)).as_secs_f64() * per_second;
            *left = (*left + grown).min(per_second);
        }
        if *left < 1.0 {
            return Err(self.per_second);
        }
        *left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rate_lets_so_many_through_and_then_waits() {
        let rate = Rate::new(20);
        assert_eq!((0..100).filter(|_| rate.take().is_ok()).count(), 20);
        std::thread::sleep(Duration::from_millis(110));
        assert!((1..=20).contains(&(0..100).filter(|_| rate.take().is_ok()).count()));
    }
}
