//! The plugins that are compiled in, and how one life of a plugin is made and driven.
//!
//! To add one: its crate in `Cargo.toml`, and a line in [`BUILT_IN`].

use std::future::Future;
use std::pin::Pin;

use kernel_core::{
    Context, Error, Event, Exit, Installed, Plugin, PluginMetadata, Replied, Reply, Request, drive,
};

/// The plugins of this program.
pub const BUILT_IN: &[PluginType] = &[PluginType::of::<example::Example>()];

/// One life of a plugin, being driven.
pub type Life<'a> = Pin<Box<dyn Future<Output = Exit> + 'a>>;

/// A plugin that can be installed: what it says of itself, and how to run one life of it.
#[derive(Debug, Clone, Copy)]
pub struct PluginType {
    metadata: &'static PluginMetadata,
    live: fn(Installed, &mut [u8]) -> Life<'_>,
}

impl PluginType {
    /// The plugin `P`. Each life gets a new value, made when the plugin is loaded.
    pub const fn of<P: Plugin + Default + 'static>() -> Self {
        PluginType {
            metadata: const { &P::METADATA },
            live: |installed, buf| {
                Box::pin(async move { drive(&mut Loaded::<P>(None), installed, buf).await })
            },
        }
    }

    /// A plugin with a loop of its own over its [`Mailbox`](kernel_core::Mailbox).
    ///
    /// `live` runs one life: it opens the mailbox, waits for [`Load`](kernel_core::Message::Load) before
    /// anything else, and returns at [`Ended`](kernel_core::Message::Ended). The buffer holds the
    /// largest call and its reply.
    pub const fn with_own_loop(
        metadata: &'static PluginMetadata,
        live: fn(Installed, &mut [u8]) -> Life<'_>,
    ) -> Self {
        PluginType { metadata, live }
    }

    /// What the plugin says of itself.
    pub const fn metadata(&self) -> &'static PluginMetadata {
        self.metadata
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.metadata.name
    }

    pub(crate) fn live<'a>(&self, installed: Installed, buf: &'a mut [u8]) -> Life<'a> {
        (self.live)(installed, buf)
    }
}

/// A plugin whose value is made when it is loaded: so a constructor that panics fails that load, and a
/// plugin that is not loaded takes no memory.
struct Loaded<P>(Option<P>);

impl<P: Plugin + Default> Plugin for Loaded<P> {
    const METADATA: PluginMetadata = P::METADATA;

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.insert(P::default()).on_load(cx).await
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.get_or_insert_default().on_start(cx).await
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        self.0.get_or_insert_default().on_event(cx, event).await
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        self.0.get_or_insert_default().on_call(cx, call, reply).await
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.get_or_insert_default().on_tick(cx).await
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.get_or_insert_default().on_stop(cx).await
    }

    async fn on_unload(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.get_or_insert_default().on_unload(cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_have_the_same_name() {
        let names: BTreeSet<_> = BUILT_IN.iter().map(PluginType::name).collect();
        assert_eq!(names.len(), BUILT_IN.len());
        assert!(names.contains("example"));
    }
}
