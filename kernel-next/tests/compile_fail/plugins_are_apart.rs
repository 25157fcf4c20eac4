//! The kernel holds no plugin, so that none can get at another one's data.
use kernel_next::{Context, Plugin, PluginMetadata};

struct Other {
    secret: u32,
}

impl Plugin for Other {
    const METADATA: PluginMetadata = PluginMetadata::new("other", "1.0.0");
}

fn peek(cx: &Context) -> u32 {
    let other: &Other = cx.plugin("other");
    other.secret
}

fn main() {}
