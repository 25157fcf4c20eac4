//! The runtime's functions: see the crate's documentation.

#![allow(unsafe_code, reason = "functions of somebody else")]

// SAFETY: these are the runtime's functions of the contract that the module is named after.
#[link(wasm_import_module = "core-runtime/1")]
unsafe extern "C" {
    pub(crate) unsafe fn run(
        op: *const u8,
        len: usize,
        buf: *mut u8,
        buf_len: usize,
        outcome: *mut u8,
    ) -> usize;
    pub(crate) safe fn leave(ticket: u32);
    pub(crate) safe fn wait();
    pub(crate) safe fn now() -> u64;
    pub(crate) safe fn who() -> u32;
    pub(crate) unsafe fn log(level: u32, text: *const u8, len: usize);
    pub(crate) unsafe fn panicked(text: *const u8, len: usize);
}
