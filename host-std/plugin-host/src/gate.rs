//! The way of one plugin's life to the runtime: what passes here was granted, and stays within its rates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use kernel_core::{Context, CoreRuntime, Json};

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
    pub(crate) granted: RefCell<Permissions>,
    pub(crate) limits: Limits,
    pub(crate) log: Rc<PluginLog>,
    pub(crate) services: Rc<Services>,
    /// Things that were refused for want of a permission.
    pub(crate) refusals: Cell<u64>,
    /// Lines on its standard output that were no messages.
    pub(crate) noise: Cell<u64>,
    /// Who tells of refusals on the bus.
    pub(crate) announcer: Rc<Cell<Option<Context>>>,
}

/// See the module's documentation.
pub(crate) struct Gate {
    pub(crate) identity: Rc<Identity>,
    pub(crate) cx: Context,
    events: Rate,
    calls: Rate,
}

impl Gate {
    pub(crate) fn new(identity: Rc<Identity>, cx: Context) -> Self {
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
        let Err(refused) = identity.granted.borrow().check(&identity.name, wanted) else {
            return Ok(());
        };
        identity.refuse(&refused);
        Err(RpcError::new("denied", refused.advice(&identity.name)))
    }

    /// One more event.
    pub(crate) fn count_event(&self) -> Result<(), RpcError> {
        let limit = self.identity.limits.events_per_second;
        self.events.take().map_err(|()| too_fast("events", limit))
    }

    /// One more call.
    pub(crate) fn count_call(&self) -> Result<(), RpcError> {
        let limit = self.identity.limits.calls_per_second;
        self.calls.take().map_err(|()| too_fast("calls", limit))
    }
}

impl Refused {
    /// What to do about it.
    pub(crate) fn advice(&self, plugin: &str) -> String {
        format!("{self} is not granted: core-runtime plugin permissions {plugin} grant {self}")
    }
}

impl Identity {
    fn refuse(&self, refused: &Refused) {
        self.refusals.set(self.refusals.get() + 1);
        self.log
            .write(Level::Warn, &format!("refused: {}", refused.advice(&self.name)));
        if let Some(cx) = self.announcer.get() {
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

fn too_fast(what: &str, limit: u32) -> RpcError {
    RpcError::new(
        "busy",
        format!("more than {limit} {what} per second: limits.{what}_per_second in its manifest"),
    )
}

/// So many a second, and as many at once.
struct Rate {
    per_second: f64,
    left: Cell<f64>,
    since: Cell<Instant>,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        Rate {
            per_second: per_second.into(),
            left: Cell::new(per_second.into()),
            since: Cell::new(Instant::now()),
        }
    }

    fn take(&self) -> Result<(), ()> {
        if self.left.get() < 1.0 {
            let now = Instant::now();
            let grown = (now - self.since.replace(now)).as_secs_f64() * self.per_second;
            self.left.set((self.left.get() + grown).min(self.per_second));
        }
        let left = self.left.get() - 1.0;
        if left < 0.0 {
            return Err(());
        }
        self.left.set(left);
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
