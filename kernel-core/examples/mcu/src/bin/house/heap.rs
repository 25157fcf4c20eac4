//! The memory that plugins take as they need it.

use core::mem::MaybeUninit;

use embedded_alloc::LlffHeap as Heap;

/// Bytes of it.
const SIZE: usize = 96 * 1024;

#[global_allocator]
static HEAP: Heap = Heap::empty();

/// Hands the memory to the allocator; once, before anything is taken.
pub(crate) fn start() {
    static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
    // SAFETY: `main` calls this once, nothing else has a pointer to the memory, and it is there for ever.
    unsafe { HEAP.init((&raw mut MEMORY).addr(), SIZE) }
}

/// Bytes that are taken now, and how many there are.
pub(crate) fn used() -> (usize, usize) {
    (HEAP.used(), SIZE)
}
