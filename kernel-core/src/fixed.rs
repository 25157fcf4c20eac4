//! A kernel in a `static`, for platforms without an allocator.

use core::cell::RefCell;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use crate::kernel::{Cell, Core, Kernel, Operation, Parts};
use crate::time::Clock;

/// Makes the `static` of a kernel with the given [`Capacities`](crate::Capacities); call `init` on
/// it once.
///
/// ```
/// use kernel_core::{Capacities, CoreRuntime};
///
/// kernel_core::kernel! {
///     /// The kernel of this device.
///     static KERNEL = Capacities { log_bytes: 2048, ..Capacities::TINY };
/// }
///
/// fn micros_since_boot() -> u64 { 0 }
///
/// let kernel = KERNEL.init(micros_since_boot).expect("nobody else made it");
/// let runtime = CoreRuntime::new(kernel);
/// assert_eq!(runtime.metrics().log_bytes.capacity, 2048);
/// assert!(KERNEL.init(micros_since_boot).is_none(), "there is only one");
/// ```
#[macro_export]
macro_rules! kernel {
    ($(#[$meta:meta])* $visibility:vis static $name:ident = $capacities:expr;) => {
        $(#[$meta])*
        $visibility static $name: $crate::FixedKernel = {
            const C: $crate::Capacities = $capacities;
            fn parts() -> Option<$crate::Parts> {
                Some($crate::Parts {
                    plugins: $crate::fixed_memory!([$crate::parts::PluginSlot; C.plugins]),
                    errors: $crate::fixed_memory!([$crate::parts::Byte; C.plugins * C.error_bytes]),
                    error_size: C.error_bytes,
                    filters: $crate::fixed_memory!([$crate::parts::FilterSlot; C.filters]),
                    filter_heads: $crate::fixed_memory!([$crate::parts::Head; $crate::Capacities::buckets(C.filters)]),
                    services: $crate::fixed_memory!([$crate::parts::ServiceSlot; C.services]),
                    service_heads: $crate::fixed_memory!([$crate::parts::Head; $crate::Capacities::buckets(C.services)]),
                    calls: $crate::fixed_memory!([$crate::parts::CallSlot; C.calls]),
                    call_bytes: $crate::fixed_memory!([$crate::parts::Byte; C.calls * C.call_bytes]),
                    call_size: C.call_bytes,
                    latency: $crate::fixed_memory!([$crate::parts::Byte; C.latency_bytes()]),
                    latency_buckets: C.latency_buckets,
                    entries: $crate::fixed_memory!([$crate::parts::EntrySlot; C.state_entries]),
                    entry_heads: $crate::fixed_memory!([$crate::parts::Head; $crate::Capacities::buckets(C.state_entries)]),
                    state_bytes: $crate::fixed_memory!([$crate::parts::Byte; C.state_bytes]),
                    state_links: $crate::fixed_memory!([$crate::parts::Head; C.state_blocks()]),
                    state_block: C.state_block,
                    log: $crate::fixed_memory!([$crate::parts::Byte; C.log_bytes]),
                    name_bytes: $crate::fixed_memory!([$crate::parts::Byte; C.names * C.name_bytes]),
                    name_links: $crate::fixed_memory!([$crate::parts::Head; C.names]),
                    name_size: C.name_bytes,
                    waits: $crate::fixed_memory!([$crate::parts::WaitSlot; C.waits]),
                    taps: $crate::fixed_memory!([$crate::parts::TapSlot; C.taps]),
                })
            }
            $crate::FixedKernel::new(parts)
        };
    };
}

/// A `static` array of empty values, taken once.
#[doc(hidden)]
#[macro_export]
macro_rules! fixed_memory {
    ([$kind:ty; $len:expr]) => {{
        static MEMORY: $crate::parts::ConstStaticCell<[$kind; $len]> =
            $crate::parts::ConstStaticCell::new([const { <$kind as $crate::parts::Empty>::EMPTY }; $len]);
        MEMORY.try_take()?
    }};
}

/// What memory holds before the kernel uses it: all zero, so that it costs a chip no flash.
pub trait Empty {
    /// The unused value.
    const EMPTY: Self;
}

impl Empty for u8 {
    const EMPTY: u8 = 0;
}

/// A kernel in a `static` and its lock, a critical section: made by the
/// [`kernel!`](crate::kernel!) macro.
pub struct FixedKernel {
    parts: fn() -> Option<Parts>,
    core: Mutex<CriticalSectionRawMutex, RefCell<Option<Core>>>,
}

impl FixedKernel {
    #[doc(hidden)]
    pub const fn new(parts: fn() -> Option<Parts>) -> Self {
        FixedKernel {
            parts,
            core: Mutex::new(RefCell::new(None)),
        }
    }

    /// Makes the kernel, with the platform's clock; `None` when it was made already.
    pub fn init(&'static self, clock: Clock) -> Option<Kernel> {
        let parts = (self.parts)()?;
        self.core.lock(|core| {
            if let Ok(mut core) = core.try_borrow_mut() {
                *core = Some(Core::new(parts, clock));
            }
        });
        Some(Kernel::new(self))
    }
}

impl Cell for FixedKernel {
    fn with(&self, operation: &mut dyn Operation) {
        self.core.lock(|core| {
            if let Ok(mut core) = core.try_borrow_mut()
                && let Some(core) = core.as_mut()
            {
                operation.run(core);
            }
        });
    }
}
