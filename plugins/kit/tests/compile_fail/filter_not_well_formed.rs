use plugin_kit::prelude::*;

struct Lamp;

#[plugin(name = "lamp")]
impl Lamp {
    #[on("sensor..temperature")]
    async fn measured(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
