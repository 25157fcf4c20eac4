//! A plugin that fails: its first life at the start, a later one by hanging.

use core::time::Duration;

use kernel_core::{
    Context, Error, Plugin, PluginMetadata, Replied, Reply, Request, RestartPolicy, Service, name,
};

/// Fails to start when it is `new`, with the code `cold_start`; starts well when not. Its service
/// `faulty.hang` never answers, which its handler's deadline ends, and this life with it.
#[derive(Debug)]
pub struct Faulty {
    /// Its first life.
    pub new: bool,
}

impl Plugin for Faulty {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Fails, and is restarted",
        restart: RestartPolicy {
            first_pause: Duration::from_millis(20),
            ..RestartPolicy::DEFAULT
        },
        handler_timeout: Duration::from_millis(200),
        ..PluginMetadata::new("faulty", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("faulty.hang")).describe("Never answers"))
            .await?;
        Ok(())
    }

    async fn on_start(&mut self, _: &Context) -> Result<(), Error> {
        if self.new {
            return Err(Error::new("cold_start", "the first start never works"));
        }
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, _: Reply<'_>) -> Result<Replied, Error> {
        core::future::pending().await
    }
}
