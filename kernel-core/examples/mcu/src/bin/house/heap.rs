//! The allocator of the plugins.

use core::mem::MaybeUninit;

use embedded_alloc::LlffHeap;

/// Bytes of the heap.
pub(crate) const SIZE: usize = 128 * 1024;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

/// Takes the memory, once.
pub(crate) fn init() {
    static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
    // SAFETY: nobody else has the memory, and `main` calls this once, before anything is allocated.
    unsafe { HEAP.init(&raw mut MEMORY as usize, SIZE) }
}

/// Bytes that are used now.
pub(crate) fn used() -> usize {
    HEAP.used()
}
