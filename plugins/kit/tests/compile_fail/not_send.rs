use plugin_kit::prelude::*;

struct Lamp(std::rc::Rc<u8>);

#[plugin(name = "lamp")]
impl Lamp {
    #[start]
    async fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
