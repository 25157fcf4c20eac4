//! The example plugin: one service, one subscription, one stored value.
//!
//! - Service `example.hello` takes a JSON string, a name, and answers `"Привет, <name>!"`.
//! - It subscribes to `example.test` and counts what comes.
//! - Under `example` / `status` it stores that it was started, or stopped.

#![no_std]

use kernel_core::{
    Context, Error, Event, Json, Plugin, PluginMetadata, Replied, Reply, Request, Service, json_literal,
};

/// What is stored while the plugin is started.
pub const STARTED: Json<'static> = json_literal!(r#"{"state":"started","message":"Плагин запущен"}"#);
/// What is stored once it has stopped.
pub const STOPPED: Json<'static> = json_literal!(r#"{"state":"stopped","message":"Плагин остановлен"}"#);

/// The longest name that is greeted, in bytes.
const MAX_NAME: usize = 96;

/// See the crate's documentation.
#[derive(Debug, Default)]
pub struct Example {
    received: u32,
}

impl Example {
    /// How many events came since this value was made.
    pub fn received(&self) -> u32 {
        self.received
    }
}

impl Plugin for Example {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Greets, listens, and stores whether it runs",
        author: "Home Console",
        provides: &["example.hello"],
        ..PluginMetadata::new("example", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(
            Service::new("example.hello").describe("Greets whoever it is told: takes a name, a JSON string"),
        )?;
        cx.subscribe("example.test")?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("example").set("status", STARTED).await?;
        Ok(())
    }

    async fn on_event(&mut self, _cx: &Context, _event: Event<'_>) -> Result<(), Error> {
        self.received = self.received.wrapping_add(1);
        Ok(())
    }

    async fn on_call(
        &mut self,
        _cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
    ) -> Result<Replied, Error> {
        let mut buf = [0; MAX_NAME];
        let name = call.args().str_value(&mut buf).map_err(|_| {
            Error::invalid_argument("example.hello takes a name: a JSON string of at most 96 bytes")
        })?;
        reply.text(format_args!("Привет, {name}!"))
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("example").set("status", STOPPED).await?;
        Ok(())
    }
}
