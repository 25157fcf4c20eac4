//! A plugin that calls on, hears, and keeps what it heard.

use kernel_core::{
    Context, Error, Event, Plugin, PluginMetadata, Replied, Reply, Request, Service, json_literal, name,
};

/// `relay.echo` answers with its arguments, `relay.never` not at all, and `relay.pass` with what the service answers whose
/// name it is given. Of the events `note.*` it keeps the last one as the state `relay.heard`.
#[derive(Debug, Default)]
pub struct Relay;

impl Plugin for Relay {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Calls on, and hears",
        ..PluginMetadata::new("relay", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for name in [name!("relay.echo"), name!("relay.never"), name!("relay.pass")] {
            cx.register(&Service::new(name)).await?;
        }
        cx.subscribe(name!("note.*")).await?;
        cx.state()
            .set(name!("relay.heard"), json_literal!("null"))
            .await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        cx.state().set(name!("relay.heard"), event.payload()).await?;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        match call.service() {
            "relay.echo" => reply.raw(call.args()),
            "relay.pass" => {
                let service = call.args().as_str().trim_matches('"');
                let mut buf = [0; 128];
                reply.raw(cx.call(service, call.args(), &mut buf).await?)
            }
            _ => core::future::pending().await,
        }
    }
}
