use plugin_kit::prelude::*;

struct Lamp;

struct Level(u8);

#[plugin(name = "lamp")]
impl Lamp {
    #[service("lamp.dim")]
    async fn dim(&mut self, level: Level) -> Result<u8, Error> {
        Ok(level.0)
    }

    #[service("lamp.level")]
    async fn level(&mut self) -> Result<Level, Error> {
        Ok(Level(0))
    }
}

fn main() {}
