use plugin_kit::prelude::*;

struct Clock;

#[plugin(name = "clock")]
impl Clock {
    #[every(seconds = 5)]
    async fn fast(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[every(seconds = 60)]
    async fn slow(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
