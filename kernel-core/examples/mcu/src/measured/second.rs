//! What a firmware adds for one more plugin: its hooks and its task.

use kernel_core::{
    Context, Error, Event, Installed, Plugin, PluginMetadata, Replied, Reply, Request, Service, drive, name,
};

pub(super) struct Second;

impl Plugin for Second {
    const METADATA: PluginMetadata = PluginMetadata::new("second", "1");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("second.*")).await?;
        cx.register(&Service::new(name!("second.echo"))).await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        cx.state().set(name!("second.last"), event.payload()).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

#[embassy_executor::task]
pub(super) async fn run(installed: Installed, buf: &'static mut [u8]) {
    loop {
        drive(&mut Second, installed.context(), buf).await;
    }
}
