//! A plugin is given its context: it cannot make one of somebody else's.
use kernel_core::{Context, PluginId};

fn forge(mine: &Context, somebody: PluginId) -> Context {
    Context {
        waist: mine.waist,
        who: somebody,
    }
}

fn main() {}
