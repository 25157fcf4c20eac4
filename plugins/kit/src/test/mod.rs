//! A test kit: a runtime in memory, without files, threads or waiting.

#[cfg(feature = "schema")]
mod bad;
mod fake;
mod kernel;
mod logs;
mod storage;
mod tasks;
mod under_way;

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

use kernel_core::{
    CoreRuntime, Error, Fault, Installed, Json, Kernel, LocalPlugin, PluginMetadata, Tap, Tapped, drive,
    serve,
};
use log::Level;
use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "schema")]
pub use bad::{BadInput, bad_inputs};

use kernel::{CAPACITIES, Heap};
pub use storage::StorageWrites;
use storage::{MemoryStorage, Rows, Wear};
use tasks::Tasks;
pub(crate) use under_way::UnderWay;

use crate::values::Text;

/// A runtime with the plugins that a test adds.
///
/// All hooks run on the test's thread, in the same order each time, and time goes by only where the test lets it:
/// in [`advance`](TestRuntime::advance), and where it waits for a plugin that waits. A panic of a plugin is a panic of
/// the test. There is no reactor: a plugin that does its own I/O is tested in a host. What it does
/// [on a thread](crate::on_thread) is waited for.
///
/// Each runtime takes 4 MiB that are not given back before the process ends.
///
/// ```
/// use plugin_kit::prelude::*;
/// use plugin_kit::test::TestRuntime;
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// #[plugin(name = "counter", version = "1.0.0")]
/// impl Counter {
///     #[on("door.*.opened")]
///     async fn opened(&mut self, cx: &Context) -> Result<(), Error> {
///         self.0 += 1;
///         cx.storage("counter").set_value("count", &self.0).await
///     }
///
///     #[every(minutes = 1)]
///     async fn report(&mut self, cx: &Context) -> Result<(), Error> {
///         cx.publish_value("counter.count", &self.0).await?;
///         Ok(())
///     }
/// }
///
/// let mut rt = TestRuntime::new();
/// rt.add::<Counter>(());
/// rt.start()?;
/// rt.publish("door.front.opened", &())?;
/// assert_eq!(rt.stored("counter", "count").unwrap(), 1);
/// rt.advance(Duration::from_secs(120))?;
/// assert_eq!(rt.published().len(), 2);
/// # Ok::<(), Error>(())
/// ```
pub struct TestRuntime {
    runtime: CoreRuntime,
    tasks: Tasks,
    rows: Rows,
    wear: Rc<Wear>,
    tap: Tap,
    names: Vec<&'static str>,
    /// Errors and failures of each plugin that were seen.
    errors: Vec<u32>,
    published: Vec<Published>,
    logs: Vec<(Level, String)>,
}

/// The time of day when a runtime begins.
const TIME: Duration = Duration::from_secs(1_767_225_600);

/// An event that a plugin published.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The plugin's name.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Value,
}

impl Default for TestRuntime {
    fn default() -> Self {
        TestRuntime::new()
    }
}

impl TestRuntime {
    /// A runtime with a storage and no plugins.
    pub fn new() -> TestRuntime {
        let clock = Heap::leak();
        let kernel = Kernel::new(clock);
        let runtime = CoreRuntime::new(kernel);
        let (mut tasks, rows, wear) = (Tasks::new(clock), Rows::default(), Rc::<Wear>::default());
        let installed = made(runtime.plugins().install_storage());
        let mut storage = MemoryStorage {
            rows: Rc::clone(&rows),
            wear: Rc::clone(&wear),
        };
        tasks.spawn(async move {
            let mut buf = vec![0; CAPACITIES.call_bytes * 2];
            loop {
                serve::<_, 1>(installed, &mut storage, &mut buf).await;
            }
        });
        logs::init();
        let mut test = TestRuntime {
            runtime,
            tasks,
            rows,
            wear,
            tap: made(Tap::open(kernel, None)),
            names: vec![kernel_core::storage::STORAGE],
            errors: vec![0; CAPACITIES.plugins],
            published: Vec::new(),
            logs: Vec::new(),
        };
        test.set_time(TIME);
        test
    }

    /// Sets the time of day, since the Unix epoch, that [`unix_time`](crate::unix_time) answers with; it goes on with
    /// the runtime's clock. Unless it is set, it is 2026-01-01T00:00:00Z at the beginning.
    ///
    /// # Panics
    /// When it is before the runtime's beginning.
    pub fn set_time(&mut self, time: Duration) {
        let zero = made(time.checked_sub(self.elapsed()).ok_or("no such time"));
        let text = made(Text::of(&(zero.as_millis() as u64)));
        made(
            self.runtime
                .state()
                .set(kernel_core::name!("clock.zero_unix_ms"), text.json())
                .now(),
        );
        self.settle();
    }

    /// The time on the runtime's clock.
    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.runtime.now().as_micros())
    }

    /// Adds the plugin `P` with these settings, an object or `()` for none. Each life of it gets a new value.
    ///
    /// # Panics
    /// When there is a plugin of this name, its name is no name, or the settings are not JSON.
    pub fn add<P: LocalPlugin + Default + 'static>(&mut self, settings: impl Serialize) {
        let installed = self.install(const { &P::METADATA });
        let text = made(Text::of(&settings)).json().as_str().to_owned();
        if text != "null" {
            installed.set_settings(made(Json::parse(text.leak())));
        }
        self.tasks.spawn(async move {
            let mut buf = vec![0; CAPACITIES.call_bytes * 2];
            loop {
                drive(&mut P::default(), installed.context(), &mut buf).await;
            }
        });
    }

    /// Plays a service of another plugin: `answer` is called with the arguments of each call.
    ///
    /// # Panics
    /// When there is no room for one more plugin.
    ///
    /// ```
    /// # let mut rt = plugin_kit::test::TestRuntime::new();
    /// rt.fake("weather.now", |place| Ok(serde_json::json!({"place": place, "celsius": 4})));
    /// rt.start()?;
    /// assert_eq!(rt.call("weather.now", "Oslo")?["celsius"], 4);
    /// # Ok::<(), plugin_kit::kernel_core::Error>(())
    /// ```
    pub fn fake(&mut self, service: &str, mut answer: impl FnMut(Value) -> Result<Value, Error> + 'static) {
        let (installed, service) = (self.install(fake::metadata(self.names.len())), service.to_owned());
        self.tasks.spawn(async move {
            loop {
                fake::answer(installed, &service, &mut answer).await;
            }
        });
    }

    fn install(&mut self, metadata: &'static PluginMetadata) -> Installed {
        let installed = made(self.runtime.plugins().install(metadata));
        self.names.push(metadata.name);
        installed
    }

    /// Starts what was added, in that order, whatever needs what; those that are started are left as they are.
    ///
    /// # Errors
    /// That of the first plugin that does not start.
    pub fn start(&mut self) -> Result<(), Error> {
        for name in self.names.clone() {
            let started = self.tasks.run(self.runtime.plugins().start(name));
            self.settle();
            started?;
        }
        Ok(())
    }

    /// Stops and unloads the plugins, the last one first. What is stored stays, for the next [`TestRuntime::start`].
    ///
    /// # Errors
    /// That of the first plugin that does not stop.
    pub fn stop(&mut self) -> Result<(), Error> {
        for name in self.names.clone().into_iter().skip(1).rev() {
            let stopped = self.tasks.run(self.runtime.plugins().unload(name));
            self.settle();
            stopped?;
        }
        Ok(())
    }

    /// Publishes an event as somebody else, and lets the plugins do what follows from it; the number of receivers.
    ///
    /// # Errors
    /// Why it was refused, or the error of a plugin that handled it or what followed.
    pub fn publish<T: Serialize + ?Sized>(&mut self, topic: &str, payload: &T) -> Result<u32, Error> {
        let text = Text::of(payload)?;
        let receivers = self.tasks.run(self.runtime.bus().publish(topic, text.json()))?;
        self.settle();
        self.errors_since().map_or(Ok(receivers), Err)
    }

    /// Calls a service as somebody else; the reply.
    ///
    /// # Errors
    /// What it answers with, or why it was refused.
    pub fn call<T: Serialize + ?Sized>(&mut self, service: &str, args: &T) -> Result<Value, Error> {
        let text = Text::of(args)?;
        let mut buf = vec![0; CAPACITIES.call_bytes];
        let reply = self
            .tasks
            .run(self.runtime.services().call(service, text.json(), &mut buf))
            .map(value)
            .map_err(Error::from);
        self.settle();
        // The caller has it.
        let _ = self.errors_since();
        reply
    }

    /// Lets time go by: ticks, deadlines, and what follows from them.
    ///
    /// # Errors
    /// The error of a plugin.
    pub fn advance(&mut self, span: Duration) -> Result<(), Error> {
        self.tasks.pass(span);
        self.settle();
        self.errors_since().map_or(Ok(()), Err)
    }

    /// What the plugins published, in order.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// The same, each event once: for tests that run for long.
    pub fn take_published(&mut self) -> Vec<Published> {
        std::mem::take(&mut self.published)
    }

    /// What was logged by `log` on this thread. (Nothing where the test program has a logger of its own.)
    pub fn logs(&self) -> &[(Level, String)] {
        &self.logs
    }

    /// What is stored, in the namespace of the plugin of this name.
    pub fn stored(&self, plugin: &str, key: &str) -> Option<Value> {
        let rows = self.rows.borrow();
        let text = rows.get(&(plugin.to_owned(), key.to_owned()))?;
        serde_json::from_slice(text).ok()
    }

    /// All that is stored in a namespace, by key. A value that is not JSON is `null`.
    pub fn rows(&self, namespace: &str) -> BTreeMap<String, Value> {
        let rows = self.rows.borrow();
        let here = rows.iter().filter(|((space, _), _)| space == namespace);
        here.map(|((_, key), text)| (key.clone(), serde_json::from_slice(text).unwrap_or(Value::Null)))
            .collect()
    }

    /// Stores a value, in the namespace of the plugin of this name.
    ///
    /// # Panics
    /// When the value is not JSON.
    pub fn store<T: Serialize + ?Sized>(&mut self, plugin: &str, key: &str, value: &T) {
        let text = made(Text::of(value));
        let row = (plugin.to_owned(), key.to_owned());
        self.rows
            .borrow_mut()
            .insert(row, text.json().as_bytes().to_owned());
    }

    /// What the plugins wrote to the storage so far, to see how much of a flash card's life they take.
    pub fn storage_writes(&self) -> StorageWrites {
        self.wear.writes.get()
    }

    /// Has the storage refuse to write, as a full disk does, until it is no longer `full`.
    pub fn set_storage_full(&mut self, full: bool) {
        self.wear.is_full.set(full);
    }

    /// A value of the coordination state.
    pub fn state(&self, key: &str) -> Option<Value> {
        let mut buf = vec![0; 256];
        loop {
            match self.runtime.state().get(key, &mut buf).now() {
                Err(Fault::Buffer { len }) => buf = vec![0; len as usize],
                found => return found.ok().flatten().map(value),
            }
        }
    }

    /// The runtime as its operator sees it, for what is not here.
    pub fn runtime(&self) -> CoreRuntime {
        self.runtime
    }

    /// Lets the plugins do what there is to do, and looks at what they did.
    fn settle(&mut self) {
        self.tasks.settle();
        let mut buf = vec![0; CAPACITIES.call_bytes];
        while let Some(found) = self.tap.try_next(&mut buf) {
            match found {
                Tapped::Record(record) if record.source.is_plugin() && !is_of_the_kernel(record.topic) => {
                    self.published.push(Published {
                        source: record.source_name.to_owned(),
                        topic: record.topic.to_owned(),
                        payload: serde_json::from_slice(record.payload).unwrap_or(Value::Null),
                    });
                }
                Tapped::Lost { count, .. } => panic!("{count} events came at once, more than the log holds"),
                _ => {}
            }
        }
        self.logs.extend(logs::take());
    }

    /// An error of some plugin that is new.
    fn errors_since(&mut self) -> Option<Error> {
        let (mut cursor, mut buf, mut new) = (0, vec![0; 1024], None);
        while let Some(info) = self.runtime.next_plugin(&mut cursor, &mut buf) {
            let count = info.counters.errors.wrapping_add(info.counters.failures);
            let Some(seen) = self.errors.get_mut(info.index) else {
                continue;
            };
            if std::mem::replace(seen, count) != count {
                new = Some(Error::new(info.error_code, info.error));
            }
        }
        new
    }
}

/// Changes of the state are published by whoever changes it.
fn is_of_the_kernel(topic: &str) -> bool {
    topic.starts_with("state.changed.") || topic.starts_with("runtime.")
}

fn value(json: Json<'_>) -> Value {
    serde_json::from_slice(json.as_bytes()).unwrap_or(Value::Null)
}

/// What a test cannot go on without.
fn made<T, E: core::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
