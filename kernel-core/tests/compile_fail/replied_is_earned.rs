//! A call is answered by answering it.
use kernel_core::{Context, Error, Plugin, PluginMetadata, Replied, Reply, Request};

struct Silent;

impl Plugin for Silent {
    const METADATA: PluginMetadata = PluginMetadata::new("silent", "1.0.0");

    async fn on_call(&mut self, _: &Context, _: Request<'_>, _: Reply<'_>) -> Result<Replied, Error> {
        Ok(Replied { len: None })
    }
}

fn main() {}
