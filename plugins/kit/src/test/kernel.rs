//! A kernel on the heap, with a clock that is turned by hand.

use std::boxed::Box;
use std::cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use kernel_core::parts::Empty;
use kernel_core::{Capacities, Cell, Core, Instant, Memory, Parts};

use crate::MAX_REPLY;

/// Values as large as on a host, of fewer plugins.
pub(super) const CAPACITIES: Capacities = Capacities {
    plugins: 32,
    filters: 256,
    services: 256,
    calls: 32,
    call_bytes: MAX_REPLY,
    state_entries: 256,
    state_bytes: 1024 * 1024,
    state_block: 256,
    log_bytes: 1024 * 1024,
    names: 256,
    name_bytes: 128,
    waits: 64,
    taps: 4,
};

/// When a runtime's time begins, in microseconds.
const BEGIN: u64 = 1_000_000;

std::thread_local! {
    /// The clock of the kernel that this thread is in.
    static NOW: cell::Cell<u64> = const { cell::Cell::new(BEGIN) };
}

/// A kernel's data, lock and clock.
pub(super) struct Heap {
    core: Mutex<Core>,
    now: AtomicU64,
}

impl Heap {
    /// It lasts to the end of the process, as a kernel does.
    pub(super) fn leak() -> &'static Heap {
        let core = Core::new(Parts::allocate(&CAPACITIES, &mut Leak), || {
            Instant::from_micros(NOW.get())
        });
        Box::leak(Box::new(Heap {
            core: Mutex::new(core),
            now: AtomicU64::new(BEGIN),
        }))
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set_now(&self, micros: u64) {
        self.now.store(micros, Ordering::Relaxed);
    }
}

impl Cell for Heap {
    fn with(&self, operation: &mut dyn FnMut(&mut Core)) {
        NOW.set(self.now());
        operation(&mut self.core.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Leak;

impl Memory for Leak {
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T] {
        Box::leak((0..len).map(|_| T::EMPTY).collect())
    }

    fn bytes(&mut self, len: usize) -> &'static mut [u8] {
        Box::leak(vec![0; len].into_boxed_slice())
    }
}
