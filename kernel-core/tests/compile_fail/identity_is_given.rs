//! A plugin acts as itself: it can neither make a context nor change the one it has.
use kernel_core::{Context, EventBus, Kernel, PluginId};

fn forge(kernel: Kernel, somebody: PluginId) -> Context {
    Context { kernel, id: somebody }
}

fn disguise(bus: &mut EventBus, somebody: PluginId) {
    bus.who = somebody;
}

fn main() {}
