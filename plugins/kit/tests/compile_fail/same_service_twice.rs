use plugin_kit::prelude::*;

struct Lamp;

#[plugin(name = "lamp")]
impl Lamp {
    #[service("lamp.set")]
    async fn set(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[service(".set")]
    async fn set_again(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

struct Clock;

#[plugin(name = "clock")]
impl Clock {
    #[every(seconds = 5)]
    async fn every(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[tick]
    async fn tick(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
