use plugin_kit::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Level(u8);

struct Lamp;

#[plugin(name = "lamp", schema)]
impl Lamp {
    #[service("lamp.dim", examples = ["[1"])]
    async fn dim(&mut self, level: Level) -> Result<u8, Error> {
        Ok(level.0)
    }
}

fn main() {}
