//! The second edition of the kernel, beside the same peers as the first: an event, a call and a state value on one
//! thread.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use host_std::clock;
use kernel_next::parts::Empty;
use kernel_next::{
    Capacities, Cell, Context, Core, CoreRuntime, Error, Event, Json, Kernel, LocalPlugin, Memory, Name,
    Parts, PluginMetadata, Replied, Reply, Request, Service, drive, json_literal,
};

use super::executor::{Count, Tasks};
use super::harness::{Contender, Settings, compare};
use super::report::Row;
use super::{call, publish, state};

struct Leaked;

impl Memory for Leaked {
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T] {
        Box::leak((0..len).map(|_| T::EMPTY).collect())
    }

    fn bytes(&mut self, len: usize) -> &'static mut [u8] {
        Box::leak(vec![0; len].into_boxed_slice())
    }
}

struct Locked(Mutex<Core>);

impl Cell for Locked {
    fn with(&self, operation: &mut dyn FnMut(&mut Core)) {
        operation(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn now() -> kernel_next::Instant {
    kernel_next::Instant::from_micros(clock::now())
}

/// A kernel of the host's size, and its tasks.
struct World {
    runtime: CoreRuntime,
    tasks: Tasks,
    names: Vec<&'static str>,
}

impl World {
    fn new() -> World {
        let core = Core::new(Parts::allocate(&Capacities::HOST, &mut Leaked), now);
        let kernel = Kernel::new(Box::leak(Box::new(Locked(Mutex::new(core)))));
        World {
            runtime: CoreRuntime::new(kernel),
            tasks: Tasks::default(),
            names: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, mut plugin: impl LocalPlugin + 'static) -> Result<(), String> {
        let name: &'static str = name.to_owned().leak();
        let metadata = Box::leak(Box::new(PluginMetadata::new(name, "1.0.0")));
        let installed = self.runtime.plugins().install(metadata);
        let installed = installed.map_err(|fault| format!("{name} is not installed: {fault}"))?;
        self.names.push(name);
        self.tasks.spawn(async move {
            let mut buf = vec![0; 4096];
            drive(&mut plugin, installed.context(), &mut buf).await;
        })
    }

    fn start(&mut self) -> Result<(), String> {
        for name in &self.names {
            let started = self.tasks.finish(self.runtime.plugins().start(name));
            started.map_err(|error| format!("{name} did not start: {error}"))?;
        }
        self.tasks.run();
        Ok(())
    }
}

struct Receiver(Count);

impl LocalPlugin for Receiver {
    const METADATA: PluginMetadata = PluginMetadata::new("receiver", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(publish::FILTER).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, event: Event<'_>) -> Result<(), Error> {
        black_box((event.topic(), event.payload()));
        self.0.add();
        Ok(())
    }
}

struct Echo;

impl LocalPlugin for Echo {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(call::SERVICE)).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

const PAYLOAD: Json<'static> =
    json_literal!(r#"{"on":true,"level":128,"color":"warm","since":"08:15:00","by":1}"#);
const ARGUMENT: Json<'static> = json_literal!(r#"{"room":"kitchen","level":12.50}"#);
const VALUE: Json<'static> = json_literal!(r#"{"on":true,"level":128}"#);
const KEYS: usize = 1000;

fn events(receivers: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new();
    let seen = Count::default();
    for index in 0..receivers {
        world.add(&format!("receiver{index}"), Receiver(seen.clone()))?;
    }
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    let bus = runtime.bus();
    Ok(Contender::new("second edition", move |count| {
        publish::repeat(&mut tasks, count, &seen, receivers, |tasks| {
            match tasks.finish(bus.publish(publish::TOPIC, PAYLOAD)) {
                Ok(got) if got as usize == receivers => Ok(()),
                other => Err(format!("{other:?} in place of {receivers} receivers")),
            }
        })
    }))
}

fn calls() -> Result<Contender<'static>, String> {
    let mut world = World::new();
    world.add("echo", Echo)?;
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    let services = runtime.services();
    Ok(Contender::new("second edition", move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for _ in 0..count {
            let limit = Duration::from_secs(10);
            let reply = tasks.finish(services.call_within(call::SERVICE, ARGUMENT, limit, &mut buf));
            match reply.map(Json::len) {
                Ok(len) if len == ARGUMENT.len() => {}
                other => return Err(format!("{other:?} in place of the argument")),
            }
        }
        Ok(begun.elapsed())
    }))
}

/// Nothing of it waits.
fn at_once<T>(tasks: &mut Tasks, future: impl Future<Output = T>) -> T {
    tasks.finish(future)
}

fn states(get: bool) -> Result<Contender<'static>, String> {
    let keys = state::keys(KEYS);
    let World {
        runtime, mut tasks, ..
    } = World::new();
    let engine = runtime.state();
    for key in &keys {
        at_once(&mut tasks, engine.set(Name::Copied(key), VALUE))
            .map_err(|fault| format!("{key}: {fault}"))?;
    }
    Ok(Contender::new("second edition", move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            if get {
                let value = at_once(&mut tasks, engine.get(key, &mut buf));
                black_box(value.map_err(|fault| format!("{key}: {fault}"))?);
            } else {
                let set = at_once(&mut tasks, engine.set(Name::Copied(key), VALUE));
                set.map_err(|fault| format!("{key}: {fault}"))?;
            }
        }
        Ok(begun.elapsed())
    }))
}

/// The comparison.
///
/// # Errors
/// When something did not do its work.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for receivers in [1, 10] {
        let mut contenders = vec![events(receivers)?];
        contenders.extend(publish::peers(receivers)?);
        let name = format!("publish to {receivers}, second edition");
        let goal = if receivers == 1 { 0.95 } else { 1.4 };
        rows.push(compare(settings, &name, contenders, Some(goal))?);
    }
    let contenders = vec![calls()?, call::channels()?];
    rows.push(compare(
        settings,
        "call round trip, second edition",
        contenders,
        Some(1.25),
    )?);
    let set = vec![states(false)?, state::locked_set(KEYS)];
    rows.push(compare(settings, "state set, second edition", set, None)?);
    let get = vec![states(true)?, state::locked_get(KEYS)];
    rows.push(compare(settings, "state get, second edition", get, Some(1.0))?);
    Ok(rows)
}
