//! A kernel on the heap.
//!
//! Its memory is leaked, because the kernel's handle may be copied anywhere and lives for ever: make one
//! kernel a process, or few. Large buffers come from the allocator as zero pages, which cost nothing
//! until they are used; the whole of [`Capacities::HOST`] reserves some 60 MiB of addresses and touches
//! under 4 MiB at the start.

use std::sync::PoisonError;

use kernel_core::parts::Empty;
use kernel_core::{Capacities, Cell, Core, Kernel, Memory, Parts};

use crate::clock;
use crate::sync::Mutex;

/// Makes a kernel of this size, on this process's [`clock`].
pub fn kernel(capacities: &Capacities) -> Kernel {
    let core = Core::new(Parts::allocate(capacities, &mut Leaked), clock::now);
    Kernel::new(Box::leak(Box::new(Locked(Mutex::new(core)))))
}

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
        // No plugin code runs under the lock, so a panic there left nothing half done by a plugin; and
        // a kernel that answers is worth more than one that is refused for ever.
        operation(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
