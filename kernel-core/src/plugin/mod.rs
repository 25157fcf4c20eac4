//! Plugins: actors that own their data and hear of the world through one mailbox.

mod context;
mod drive;
mod mailbox;
mod manager;
mod metadata;

pub use crate::lifecycle::{PluginCounters, PluginState};
pub use context::Context;
pub use drive::{Exit, Installed, drive};
#[cfg(feature = "link")]
pub(crate) use mailbox::Step;
pub use mailbox::{Event, Mailbox, Message, Replied, Reply, Request};
pub use manager::{ManageError, PluginInfo, PluginManager, PluginName};
pub use metadata::{PluginMetadata, RestartPolicy};

use crate::error::Error;

/// A plugin: one actor with plain async hooks, run by [`drive`].
///
/// The hooks of one plugin never run at the same time, so `&mut self` needs no lock. Each has a
/// deadline; one that fails, hangs or panics leaves this plugin FAILED, everything it registered is
/// taken back, and the others do not notice.
///
/// ```
/// use kernel_core::{Context, Error, Event, Plugin, PluginMetadata, Replied, Reply, Request, Service};
///
/// struct Counter { seen: u32 }
///
/// impl Plugin for Counter {
///     const METADATA: PluginMetadata = PluginMetadata {
///         description: "Counts the doors that open",
///         provides: &["counter.read"],
///         ..PluginMetadata::new("counter", "1.0.0")
///     };
///
///     async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
///         cx.subscribe("door.*.opened")?;
///         cx.register(Service::new("counter.read"))?;
///         Ok(())
///     }
///
///     async fn on_event(&mut self, _cx: &Context, _event: Event<'_>) -> Result<(), Error> {
///         self.seen += 1;
///         Ok(())
///     }
///
///     async fn on_call(&mut self, _cx: &Context, _call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
///         reply.json(&self.seen)
///     }
/// }
/// ```
#[allow(
    async_fn_in_trait,
    reason = "plugins are driven by one executor; a Send bound would bar chips"
)]
pub trait Plugin {
    /// What the plugin is and needs; known before it runs.
    const METADATA: PluginMetadata;

    /// Called once per life, first: register services and subscriptions here.
    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Called when the plugin is to start; from here on it receives events and calls.
    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Called for each event that a subscription matches, in the order of the bus. An error is
    /// counted and kept as the plugin's last error; the plugin goes on.
    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let _ = (cx, event);
        Ok(())
    }

    /// Called for each call of a service the plugin registered. Answers through `reply`, or with
    /// an error that the caller gets.
    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let _ = (cx, call, reply);
        Err(Error::new(
            "not_implemented",
            "the plugin registered this service but does not answer it",
        ))
    }

    /// Called at the interval set by [`Context::set_interval`]. An error is counted; the plugin
    /// goes on.
    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Called when the plugin is to stop; events and calls no longer reach it.
    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Called once, last, before the plugin's value is dropped. What it registered is taken back
    /// by the kernel.
    async fn on_unload(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }
}
