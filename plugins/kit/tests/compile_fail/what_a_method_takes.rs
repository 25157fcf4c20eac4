use plugin_kit::prelude::*;

struct Lamp;

#[plugin(name = "lamp")]
impl Lamp {
    #[on("lamp.wanted")]
    async fn without_self(_cx: &Context) -> Result<(), Error> {
        Ok(())
    }

    #[on("lamp.wanted")]
    async fn without_result(&mut self) {}

    #[service("lamp.dim")]
    async fn two_values(&mut self, _level: u8, _seconds: u8) -> Result<(), Error> {
        Ok(())
    }

    #[service("lamp.event")]
    async fn event_of_a_call(&mut self, _event: Event<'_>) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(unix)]
    #[on("lamp.wanted")]
    async fn sometimes(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[every(seconds = 5)]
    async fn value_of_a_tick(&mut self, _level: u8) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
