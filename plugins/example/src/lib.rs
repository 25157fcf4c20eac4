//! The example plugin: one service, one subscription, one stored value.
//!
//! - Service `example.hello` takes a JSON string, a name, and answers `"Привет, <name>!"`.
//! - It subscribes to `example.test` and counts what comes.
//! - Under `example` / `status` it stores that it was started, or stopped.

#![no_std]

use kernel_core::{
    Context, Error, Event, Json, Name, Plugin, PluginMetadata, Replied, Reply, Request, Service,
    json_literal, name,
};

/// What is stored while the plugin is started.
pub const STARTED: Json<'static> = json_literal!(r#"{"state":"started","message":"Плагин запущен"}"#);
/// What is stored once it has stopped.
pub const STOPPED: Json<'static> = json_literal!(r#"{"state":"stopped","message":"Плагин остановлен"}"#);

const GREETS: &str = "Greets whoever it is told: takes a name, a JSON string";

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
        ..PluginMetadata::new("example", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        let hello = Service::new(name!("example.hello"));
        cx.register(&hello.describe(Name::Fixed(GREETS))).await?;
        cx.subscribe(name!("example.test")).await?;
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
        let name = call.args().str_value(&mut buf).ok_or_else(|| {
            Error::invalid_argument("example.hello takes a name: a JSON string of at most 96 bytes")
        })?;
        reply.text(format_args!("Привет, {name}!"))
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("example").set("status", STOPPED).await?;
        Ok(())
    }
}
