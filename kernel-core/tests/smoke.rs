//! The five parts together, in memory: a plugin's whole life.
mod support;

use kernel_core::{
    Capacities, Context, CoreRuntime, Error, Event, Plugin, PluginMetadata, PluginState, Replied, Reply,
    Request, Service, drive, json_literal, name,
};
use support::memory::MemoryStorage;
use support::{Tasks, at_once, runtime, serve_memory, start_all};

#[derive(Default)]
struct Greeter {
    seen: u32,
}

impl Plugin for Greeter {
    const METADATA: PluginMetadata = PluginMetadata::new("greeter", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("door.>")).await?;
        cx.register(&Service::new(name!("greeter.hello"))).await?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("greeter").set("status", json_literal!("\"up\"")).await
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        self.seen += 1;
        cx.state().set(name!("greeter.last"), event.payload()).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut buf = [0; 64];
        let name = call
            .args()
            .str_value(&mut buf)
            .ok_or(Error::invalid_argument("a name"))?;
        reply.text(format_args!("hello {name}, {} so far", self.seen))
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("greeter")
            .set("status", json_literal!("\"down\""))
            .await
    }
}

fn house(capacities: &Capacities) -> (CoreRuntime, Tasks, MemoryStorage) {
    let runtime = runtime(capacities);
    let mut tasks = Tasks::default();
    let storage = MemoryStorage::default();
    let rows = storage.rows.clone();
    serve_memory(&runtime, &mut tasks, storage);
    let installed = runtime.plugins().install(&Greeter::METADATA).unwrap();
    tasks.spawn(async move {
        let mut buf = [0; 512];
        loop {
            drive(&mut Greeter::default(), installed.context(), &mut buf).await;
        }
    });
    start_all(&runtime, &mut tasks);
    (
        runtime,
        tasks,
        MemoryStorage {
            rows,
            ..MemoryStorage::default()
        },
    )
}

#[test]
fn a_plugin_lives_works_and_goes() {
    let (runtime, mut tasks, _) = house(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    assert_eq!(runtime.plugins().state("greeter"), Some(PluginState::Started));
    let health = runtime.health();
    assert_eq!((health.plugins, health.started, health.storage), (2, 2, true));

    let sent = tasks.run(
        kernel,
        runtime.bus().publish("door.front.opened", json_literal!("1")),
    );
    assert_eq!(sent, Ok(1));
    let mut buf = [0; 64];
    let services = runtime.services();
    let reply = tasks.run(
        kernel,
        services.call("greeter.hello", json_literal!("\"Ann\""), &mut buf),
    );
    assert_eq!(reply.unwrap().as_str(), "\"hello Ann, 1 so far\"");
    let last = at_once(runtime.state().get("greeter.last", &mut buf)).unwrap();
    assert_eq!(last.unwrap().as_str(), "1");
    let stored = tasks.run(
        kernel,
        runtime.storage().namespace("greeter").get("status", &mut buf),
    );
    assert_eq!(stored.unwrap().unwrap().as_str(), "\"up\"");

    assert_eq!(
        tasks.run(kernel, runtime.plugins().reload("greeter")),
        Ok(PluginState::Started)
    );
    let there = at_once(runtime.state().exists("greeter.last"));
    assert_eq!(there, Ok(false), "its state went with its life");
    assert_eq!(
        tasks.run(kernel, runtime.plugins().unload("greeter")),
        Ok(PluginState::Unloaded)
    );
    assert_eq!(
        at_once(runtime.services().has_service("greeter.hello")),
        Ok(false)
    );
    assert_eq!(runtime.metrics().filters.used, 0);
    let stored = tasks.run(
        kernel,
        runtime.storage().namespace("greeter").get("status", &mut buf),
    );
    assert_eq!(stored.unwrap().unwrap().as_str(), "\"down\"");
}

#[test]
fn the_smallest_profile_carries_a_plugins_whole_life() {
    let (runtime, mut tasks, _) = house(&Capacities {
        log_bytes: 1024,
        ..Capacities::TINY
    });
    for n in 0..100 {
        let value = n.to_string();
        let event = runtime.bus().publish("door.x", support::json(&value));
        assert_eq!(tasks.run(runtime.kernel(), event), Ok(1));
        tasks.settle();
        let mut buf = [0; 64];
        let last = at_once(runtime.state().get("greeter.last", &mut buf))
            .unwrap()
            .unwrap();
        assert_eq!(last.as_str(), value);
    }
}
