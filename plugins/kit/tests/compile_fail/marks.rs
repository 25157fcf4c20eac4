use plugin_kit::prelude::*;

struct Lamp;

#[plugin(name = "lamp")]
impl Lamp {
    #[on]
    async fn no_filter(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[service("lamp.*")]
    async fn wildcard(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[service("lamp.set", speed = 5)]
    async fn unknown(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[every]
    async fn no_time(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[every(days = 1)]
    async fn no_unit(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[start(now)]
    async fn no_arguments(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
