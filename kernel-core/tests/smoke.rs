//! The five parts together, in memory: a plugin's whole life.
mod support;

use kernel_core::storage::{MemoryStorage, serve};
use kernel_core::*;
use support::{Tasks, runtime};

#[derive(Default)]
struct Greeter {
    seen: u32,
}

impl Plugin for Greeter {
    const METADATA: PluginMetadata = PluginMetadata::new("greeter", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe("door.>")?;
        cx.register(Service::new("greeter.hello"))?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("greeter")
            .set("status", json_literal!("\"up\""))
            .await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        self.seen += 1;
        cx.state().set("greeter.last", event.payload())?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut buf = [0; 64];
        let name = call.args().str_value(&mut buf)?;
        reply.text(format_args!("hello {name}, {} so far", self.seen))
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("greeter")
            .set("status", json_literal!("\"down\""))
            .await?;
        Ok(())
    }
}

#[test]
fn a_plugin_lives_works_and_goes() {
    let runtime = runtime(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let installed = runtime.plugins().install(&Greeter::METADATA).unwrap();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut buf = [0; 512];
        loop {
            drive(&mut Greeter::default(), installed, &mut buf).await;
        }
    });
    tasks.spawn(async move {
        let mut storage = MemoryStorage::<8, 32, 64>::new();
        serve(kernel, &mut storage, &mut [0; 256]).await;
    });
    tasks.settle();
    assert!(tasks.run(kernel, runtime.start()).is_empty());
    assert_eq!(runtime.plugins().state("greeter"), Some(PluginState::Started));
    assert!(runtime.health().is_ok());

    let sent = tasks.run(
        kernel,
        runtime.bus().publish("door.front.opened", json_literal!("1")),
    );
    assert_eq!(sent, Ok(1));
    let mut buf = [0; 64];
    let reply = tasks.run(
        kernel,
        runtime
            .services()
            .call("greeter.hello", json_literal!("\"Ann\""), &mut buf),
    );
    assert_eq!(reply.unwrap().as_str(), "\"hello Ann, 1 so far\"");
    assert_eq!(
        runtime
            .state()
            .get("greeter.last", &mut buf)
            .unwrap()
            .unwrap()
            .as_str(),
        "1"
    );
    let stored = tasks.run(
        kernel,
        runtime.storage().namespace("greeter").get("status", &mut buf),
    );
    assert_eq!(stored.unwrap().unwrap().as_str(), "\"up\"");

    assert_eq!(
        tasks.run(kernel, runtime.plugins().reload("greeter")),
        Ok(PluginState::Started)
    );
    assert!(
        !runtime.state().exists("greeter.last"),
        "its state went with its life"
    );
    assert_eq!(
        tasks.run(kernel, runtime.plugins().unload("greeter")),
        Ok(PluginState::Unloaded)
    );
    assert!(!runtime.services().has_service("greeter.hello"));
    assert_eq!(runtime.metrics().filters.used, 0);

    let down = tasks.run(kernel, runtime.shutdown(core::time::Duration::from_secs(10)));
    assert!(down.late.is_empty() && down.storage_closed);
}
