//! The kernel's data belongs to the kernel: neither the platform nor a plugin looks into it.
use kernel_core::{Context, Core};

fn look(core: &Core) {
    let _ = &core.plugins;
    let _ = &core.bus;
}

fn through(cx: &Context) {
    cx.kernel().with(|core| look(core));
}

fn main() {}
