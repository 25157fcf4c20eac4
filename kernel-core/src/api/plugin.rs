//! Plugins: actors that own their data and hear of the world through one mailbox.

use core::future::Future;

use super::context::Context;
use super::mailbox::{Event, Replied, Reply, Request};
use crate::error::Error;
use crate::life::PluginMetadata;

/// The hooks, once: with a bound on the plugin and its futures, or without.
macro_rules! hooks {
    ($(#[$meta:meta])* $name:ident $(: $bound:ident)?) => {
        $(#[$meta])*
        pub trait $name $(: $bound)? {
            /// What the plugin is and needs; known before it runs.
            const METADATA: PluginMetadata;

            /// Called once per life, first: register services and subscriptions here.
            fn on_load(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = cx;
                async { Ok(()) }
            }

            /// Called when the plugin is to start; from here on it receives events and calls.
            fn on_start(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = cx;
                async { Ok(()) }
            }

            /// Called for each event that a subscription matches, in the order of the bus. An error is
            /// counted and kept as the plugin's last error; the plugin goes on.
            fn on_event(
                &mut self,
                cx: &Context,
                event: Event<'_>,
            ) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = (cx, event);
                async { Ok(()) }
            }

            /// Called for each call of a service the plugin registered. Answers through `reply`, or with
            /// an error that the caller gets.
            fn on_call(
                &mut self,
                cx: &Context,
                call: Request<'_>,
                reply: Reply<'_>,
            ) -> impl Future<Output = Result<Replied, Error>> $(+ $bound)? {
                let _ = (cx, call, reply);
                async { Err(Error::new("not_implemented", "the plugin registered this service and does not answer it")) }
            }

            /// Called at the interval set by [`Context::set_interval`]. An error is counted; the plugin
            /// goes on.
            fn on_tick(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = cx;
                async { Ok(()) }
            }

            /// Called when the plugin is to stop; events and calls no longer reach it.
            fn on_stop(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = cx;
                async { Ok(()) }
            }

            /// Called once, last, before the plugin's value is dropped. What it registered is taken back
            /// by the kernel.
            fn on_unload(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> $(+ $bound)? {
                let _ = cx;
                async { Ok(()) }
            }
        }
    };
}

hooks! {
    /// A plugin: one actor with plain async hooks, run by [`drive`](crate::drive).
    ///
    /// The hooks of one plugin never run at the same time, so `&mut self` needs no lock. Each has a
    /// deadline; one that fails, hangs or panics leaves this plugin FAILED, everything it registered is
    /// taken back, and the others do not notice. Its futures are `Send`, which an `async fn` is unless it holds
    /// something over an `await` that is not: so a host may move the plugin to another thread when one is held up.
    ///
    /// ```
    /// use kernel_core::{Context, Error, Event, Plugin, PluginMetadata, Replied, Reply, Request, Service, name};
    ///
    /// struct Counter { seen: u32 }
    ///
    /// impl Plugin for Counter {
    ///     const METADATA: PluginMetadata = PluginMetadata {
    ///         description: "Counts the doors that open",
    ///         ..PluginMetadata::new("counter", "1.0.0")
    ///     };
    ///
    ///     async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
    ///         cx.subscribe(name!("door.*.opened")).await?;
    ///         cx.register(&Service::new(name!("counter.read"))).await?;
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
    Plugin: Send
}

hooks! {
    /// A plugin that stays on one thread: its value or its futures are not `Send`. See [`Plugin`], which is one.
    LocalPlugin
}

impl<P: Plugin> LocalPlugin for P {
    const METADATA: PluginMetadata = P::METADATA;

    fn on_load(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_load(self, cx)
    }

    fn on_start(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_start(self, cx)
    }

    fn on_event(&mut self, cx: &Context, event: Event<'_>) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_event(self, cx, event)
    }

    fn on_call(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
    ) -> impl Future<Output = Result<Replied, Error>> {
        Plugin::on_call(self, cx, call, reply)
    }

    fn on_tick(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_tick(self, cx)
    }

    fn on_stop(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_stop(self, cx)
    }

    fn on_unload(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        Plugin::on_unload(self, cx)
    }
}
