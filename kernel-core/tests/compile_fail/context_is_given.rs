//! A plugin is given its context: it cannot make one of somebody else's.
use kernel_core::{Context, Kernel, PluginId};

fn forge(kernel: Kernel, somebody: PluginId) -> Context {
    Context { kernel, id: somebody }
}

fn main() {}
