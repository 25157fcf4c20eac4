//! The example plugin as a WebAssembly module.

plugin_wasm::export!(example::Example);
