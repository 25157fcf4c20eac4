use plugin_kit::prelude::*;

#[plugin(name = "lamp", version = "1.0.0")]
struct Lamp;

fn main() {}
