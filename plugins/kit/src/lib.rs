//! What authors of plugins like to have: a plugin from an `impl` block, typed values in place of JSON text, and a
//! runtime in memory to test it in.
//!
//! ```
//! use plugin_kit::prelude::*;
//! use serde::Deserialize;
//!
//! #[derive(Default)]
//! struct Thermostat {
//!     target: f32,
//! }
//!
//! #[plugin(name = "thermostat", version = "1.0.0", description = "Switches the heating")]
//! impl Thermostat {
//!     #[load]
//!     fn load(&mut self, settings: Settings) -> Result<(), Error> {
//!         self.target = settings.target;
//!         Ok(())
//!     }
//!
//!     #[on("sensor.*.temperature")]
//!     async fn measured(&mut self, cx: &Context, celsius: f32) -> Result<(), Error> {
//!         cx.publish_value("heating.switch", &(celsius < self.target)).await?;
//!         Ok(())
//!     }
//!
//!     /// Sets the temperature to keep, in degrees Celsius.
//!     #[service("thermostat.set")]
//!     fn set(&mut self, target: f32) -> Result<f32, Error> {
//!         self.target = target;
//!         Ok(target)
//!     }
//! }
//!
//! #[derive(Deserialize)]
//! struct Settings {
//!     target: f32,
//! }
//!
//! # #[cfg(feature = "test")] {
//! let mut rt = plugin_kit::test::TestRuntime::new();
//! rt.add::<Thermostat>(serde_json::json!({"target": 21}));
//! rt.start()?;
//! rt.publish("sensor.kitchen.temperature", &19.5)?;
//! assert_eq!(rt.published()[0].payload, true);
//! assert_eq!(rt.call("thermostat.set", &18)?, 18.0);
//! # }
//! # Ok::<(), Error>(())
//! ```
//!
//! # Several things at a time
//!
//! A plugin handles one message after another, so that `&mut self` needs no lock. Within a method everything that is
//! asked of the runtime is a future, and a [`Context`](kernel_core::Context) is free to copy: join the calls that
//! are to run at the same time. What takes long and is not of the runtime, such as a request to a device, is a task of
//! the executor's (`tokio::spawn` on the host), or has a thread of its own (`on_thread`, with the feature `std`), which
//! takes a copy of the context along and publishes what came of it.
//! Once the plugin's life is over, what the task asks for is refused.
//!
//! # Features
//!
//! Without features nothing allocates, and the same plugin runs on a chip.
//!
//! - `alloc`: values of any size ([`ContextValues`], [`StorageValues`], [`StateValues`]) by the program's allocator, and
//!   `log`, whose lines reach the host's log with the plugin's name.
//! - `std`: the same, with the sizes of a host.
//! - `schema`: the JSON Schema of each service: [`schema`].
//! - `test`: [`test::TestRuntime`], and with `schema` [`test::bad_inputs`]. For `dev-dependencies`.
//!
//! Without `alloc` the kernel's own typed layer does it, with a buffer whose size one knows:
//!
//! ```
//! # use plugin_kit::prelude::*;
//! # use plugin_kit::kernel_core::json::to_json;
//! # async fn show(cx: &Context) -> Result<(), Error> {
//! cx.publish("heating.switch", to_json(&true, &mut [0; 8])?).await?;
//! let (mut buf, mut scratch) = ([0; 64], [0; 0]);
//! let reply = cx.call("thermostat.set", to_json(&18.5, &mut [0; 16])?, &mut buf).await?;
//! let target: f32 = reply.decode(&mut scratch)?;
//! # Ok(())
//! # }
//! ```

#![no_std]

#[cfg(feature = "alloc")]
#[macro_use]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// The macro's code names this crate, also where it is used within it.
extern crate self as plugin_kit;

#[cfg(feature = "alloc")]
mod args;
mod decode;
mod instances;
#[cfg(feature = "alloc")]
mod reader;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "test")]
pub mod test;
#[cfg(feature = "std")]
mod threads;
mod ticks;
#[cfg(feature = "alloc")]
mod values;
mod wall;

#[cfg(feature = "alloc")]
pub use args::{Args, Arguments};
pub use decode::{scratch, settings};
pub use instances::below;
pub use kernel_core;
#[cfg(feature = "alloc")]
pub use log;
/// Makes a plugin of an `impl` block: the `impl Plugin` that one would have written by hand, of plain code without
/// allocation (`cargo expand` shows it). The crate's documentation has an example.
///
/// `#[plugin(name = "thermostat")]` says what the plugin is, with any of these behind it:
///
/// | | |
/// |---|---|
/// | `version = "1.0.0"` | that of the crate unless given |
/// | `needs = ["zigbee"]` | plugins that are to be started before this one |
/// | `description`, `author`, `reads`, `writes`, `overflow`, `restart`, `hook_timeout`, `handler_timeout`, `handler_budget` | as in [`PluginMetadata`](kernel_core::PluginMetadata) |
/// | `buffer = 128` | bytes for the settings, and for texts with escapes, where there is no allocator |
/// | `schema`, `schema = "feature"` | see [`schema`]: always, or with this feature of the plugin's crate |
/// | `instances` | with `schema`: it can be there several times, as a house with two brokers needs it. Its services, all with names that begin with a dot, are below the name that each is installed under |
/// | `local` | its value or its futures are not `Send`: [`LocalPlugin`](kernel_core::LocalPlugin) |
///
/// Methods are marked, and are plain or `async`, with `&self` or `&mut self`. What else they take is known by its
/// type, and may be left out or come in any order:
///
/// | mark | called | takes |
/// |---|---|---|
/// | `#[on("sensor.*.temperature")]` | for each event whose topic matches; several filters, or marks, are allowed | `&Context`, `Event<'_>`, the payload |
/// | `#[event]` | for each event that the plugin gets, whose filters it subscribes to itself ([`Context::subscribe`](kernel_core::Context::subscribe)) | the same |
/// | `#[service("thermostat.set")]` | for each call; what it returns is the reply, its documentation the description. Behind the name `version = "2"`, `reads` when nothing is changed by it, `deprecated`, `examples = ["JSON"]` | `&Context`, `Request<'_>`, `Reply<'_>`, the arguments |
/// | `#[every(seconds = 60)]` | at intervals of `milliseconds`, `seconds`, `minutes`, `hours` or several of these, while the plugin is started. Different ones need a field: [`Ticks`] | `&Context` |
/// | `#[tick]` | at the interval that [`Context::set_interval`](kernel_core::Context::set_interval) sets, of a setting for instance | `&Context` |
/// | `#[load]` | first, once everything above is registered | `&Context`, the settings |
/// | `#[start]`, `#[stop]`, `#[unload]` | in each life | `&Context` |
///
/// A name that begins with a dot is below the plugin's own: `.set` is `thermostat.set`.
///
/// Payload, arguments and settings are one value of any type with serde's `Deserialize`, and may borrow (`&str`) from
/// texts without escapes; several arguments are the fields of a struct. See [`Json::decode`](kernel_core::Json::decode)
/// for types that it does not read, and `Args` for values of any kind and for arguments by place. What does not fit is
/// refused before the method sees it: a call with `invalid_argument`, which names the field, settings with
/// `invalid_settings`. A method with `Reply<'_>` writes its reply itself and returns `Replied`.
///
/// Methods return `Result<T, E>` where [`Error`](kernel_core::Error) is `From<E>`. Where several methods are called for
/// one event or tick, each has its turn, in the order of the block, and the first error counts.
///
/// ```
/// use plugin_kit::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Greet<'a> {
///     name: &'a str,
/// }
///
/// #[derive(Default)]
/// struct Greeter;
///
/// #[plugin(name = "greeter", description = "Greets whoever asks")]
/// impl Greeter {
///     /// Greets somebody.
///     #[service(".greet")]
///     fn greet(&mut self, greet: Greet<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
///         if greet.name.is_empty() {
///             return Err(Error::invalid_argument("a name is wanted"));
///         }
///         reply.text(format_args!("Hello, {}!", greet.name))
///     }
/// }
/// ```
pub use plugin_kit_macros::plugin;
#[cfg(feature = "alloc")]
pub use reader::SettingsReader;
#[cfg(feature = "std")]
pub use threads::on_thread;
pub use ticks::{Passed, Ticks};
#[cfg(feature = "alloc")]
pub use values::{ContextValues, MAX_REPLY, StateValues, StorageValues};
pub use wall::{CLOCK_ZERO, unix_time};

/// What most plugins use.
pub mod prelude {
    #[cfg(feature = "alloc")]
    pub use crate::{ContextValues, StateValues, StorageValues, log};
    pub use crate::{Ticks, plugin};
    pub use kernel_core::{Context, Error, Event, Json, Replied, Reply, Request, json_literal, name};
}
