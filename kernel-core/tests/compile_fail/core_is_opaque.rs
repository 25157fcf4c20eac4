//! The kernel's data belongs to the kernel: neither the platform nor a plugin looks into it, and a
//! plugin cannot make itself the operator.
use kernel_core::{Context, Core, CoreRuntime};

fn look(core: &Core) {
    let _ = &core.lives;
    let _ = &core.bus;
}

fn through(cx: &Context) {
    let _ = CoreRuntime::new(cx.waist);
}

fn main() {}
