//! A plugin of Core Runtime as a WebAssembly module: the same crate, unchanged, in a sandbox with limits of its own.
//!
//! ```text
//! plugin ── Context ── Waist ── imports ══ the runtime ══ permissions ── the kernel
//!           (module.rs)         (packed.rs: what passes)
//! ```
//!
//! A module is a crate of one line beside the plugin's own, of the type `cdylib`:
//!
//! ```ignore
//! plugin_wasm::export!(example::Example);
//! ```
//!
//! built by `cargo build --release --target wasm32-unknown-unknown`.
//!
//! # Imports
//!
//! All of the module [`IMPORTS`](packed::IMPORTS). Pointers and lengths are of the module's memory, which it exports as
//! `memory`; a range that is not within it ends the life.
//!
//! | import | what it does |
//! |---|---|
//! | `run(op, op_len, buf, buf_len, outcome) -> len` | Carries out one operation, [`packed::Asked`]: bytes that it reads come into `buf`, what came of it, [`packed::Outcome`], to `outcome`, which has room for [`packed::MAX_OUTCOME`] bytes. It does not wait. |
//! | `leave(ticket)` | Gives up an operation that waits. |
//! | `wait()` | Waits until something that waits is to be asked for again. |
//! | `now() -> micros` | The runtime's monotonic time. |
//! | `who() -> id` | Who the plugin is in this life. |
//! | `log(level, text, len)` | A line for people: 1 error, 2 warn, 3 info, 4 debug, 5 trace. |
//! | `panicked(text, len)` | Ends the life with this error. |
//!
//! # Exports
//!
//! `memory`, and `run()`, which is called once in a life and returns when that is over. A module may say what it is in a
//! custom section [`SECTION`](packed::SECTION); that must be what its manifest says. It may also export
//! [`services()`](packed::SERVICES), which is called once before `run()`: by the schemas that it says, the arguments of
//! calls are checked before the plugin sees them. A plugin that is `plugin_kit::schema::Described` has it by
//!
//! ```ignore
//! plugin_wasm::export!(thermostat::Thermostat, schema);
//! ```
//!
//! in a crate that depends on `plugin-kit` with its feature `schema`, too.

#![no_std]

#[cfg(target_arch = "wasm32")]
mod imports;
#[cfg(target_arch = "wasm32")]
mod lines;
#[cfg(target_arch = "wasm32")]
mod module;
pub mod packed;

#[cfg(target_arch = "wasm32")]
pub use lines::{Level, log};
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use {lines::panicked, module::run};

#[doc(hidden)]
pub use kernel_core::{LocalPlugin, PluginMetadata};

/// Makes this crate the module of a plugin: a type that is [`Plugin`](kernel_core::Plugin) or
/// [`LocalPlugin`], and `Default`. On another target than `wasm32` it makes nothing. With `, schema` behind it, the
/// module says what the plugin's services take and answer: see the crate's documentation.
#[macro_export]
macro_rules! export {
    ($plugin:ty, schema) => {
        $crate::export!($plugin);

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn services() -> u64 {
                $crate::place(::plugin_kit::schema::to_json::<$plugin>().leak())
            }
        };
    };
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            const METADATA: $crate::PluginMetadata = <$plugin as $crate::LocalPlugin>::METADATA;

            // The section that the runtime looks for.
            #[used]
            #[unsafe(link_section = "core-runtime")]
            static SECTION: [u8; $crate::section_len(&METADATA)] = $crate::section(&METADATA);

            #[unsafe(no_mangle)]
            extern "C" fn run() {
                ::std::panic::set_hook(::std::boxed::Box::new(|panic| $crate::panicked(panic)));
                $crate::run::<$plugin>();
            }
        };
    };
}

/// Where a text lies in the module's memory, as [`packed::SERVICES`] says it.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub fn place(text: &'static str) -> u64 {
    (text.as_ptr() as u64) << 32 | text.len() as u64
}

/// Bytes of [`section`].
#[doc(hidden)]
pub const fn section_len(metadata: &PluginMetadata) -> usize {
    metadata.name.len() + 1 + metadata.version.len()
}

/// The plugin's name and version, a zero byte between them.
#[doc(hidden)]
pub const fn section<const N: usize>(metadata: &PluginMetadata) -> [u8; N] {
    let (name, version) = (metadata.name.as_bytes(), metadata.version.as_bytes());
    let mut bytes = [0; N];
    let mut at = 0;
    while at < name.len() {
        bytes[at] = name[at];
        at += 1;
    }
    at = 0;
    while at < version.len() {
        bytes[name.len() + 1 + at] = version[at];
        at += 1;
    }
    bytes
}
