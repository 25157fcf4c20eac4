//! A plugin acts as itself: it cannot change who it acts for.
use kernel_core::{EventBus, PluginId};

fn disguise(bus: &mut EventBus, somebody: PluginId) {
    bus.who = somebody;
}

fn main() {}
