use plugin_kit::prelude::*;

#[derive(Default)]
struct Whole;

#[plugin(name = "bridge", schema, instances)]
impl Whole {
    #[service("bridge.say")]
    fn say(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Default)]
struct Own;

#[plugin(name = "bridge", schema, instances)]
impl Own {
    #[on(".done")]
    fn done(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Default)]
struct Plain;

#[plugin(name = "bridge", instances)]
impl Plain {}

fn main() {}
