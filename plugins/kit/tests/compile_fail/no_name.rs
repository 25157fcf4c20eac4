use plugin_kit::prelude::*;

struct Lamp;

#[plugin(version = "1.0.0")]
impl Lamp {}

struct Other;

#[plugin(name = "Living Room")]
impl Other {}

struct Third;

#[plugin(name = "third", colour = "red")]
impl Third {}

fn main() {}
