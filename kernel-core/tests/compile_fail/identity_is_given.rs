//! A plugin acts as itself: it cannot change who it acts for.
use kernel_core::{Context, EventBus, PluginId};

fn disguise(bus: &mut EventBus, cx: &mut Context, somebody: PluginId) {
    bus.0.who = somebody;
    cx.who = somebody;
}

fn main() {}
