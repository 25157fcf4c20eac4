//! A kernel in a `static`, for platforms without an allocator.

use core::cell;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use crate::bus::{FilterSlot, RouteSlot, TapSlot};
use crate::calls::CallSlot;
use crate::capacity::Capacities;
use crate::kernel::{Cell, Core, Head, Kernel, Operation, Parts};
use crate::lifecycle::PluginSlot;
use crate::registry::ServiceSlot;
use crate::state::EntrySlot;
use crate::time::Clock;
use crate::timer::WaitSlot;

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
            fn make(clock: $crate::Clock) -> Option<&'static mut $crate::Core> {
                // One apart from the other, and both from the handle: they are all zero, and cost no flash.
                static CORE: $crate::parts::StaticCell<$crate::Core> = $crate::parts::StaticCell::new();
                static MEMORY: $crate::parts::ConstStaticCell<
                    $crate::parts::FixedMemory<
                        { C.plugins },
                        { C.plugins * C.error_bytes },
                        { C.filters },
                        { $crate::Capacities::links(C.filters) },
                        { C.services },
                        { $crate::Capacities::links(C.services) },
                        { C.calls },
                        { C.calls * C.call_bytes },
                        { C.latency_bytes() },
                        { C.state_entries },
                        { $crate::Capacities::links(C.state_entries) },
                        { C.state_bytes },
                        { C.state_blocks() },
                        { C.log_bytes / 4 },
                        { $crate::Capacities::routes(C.log_bytes) },
                        { C.names * C.name_bytes },
                        { C.names },
                        { C.waits },
                        { C.taps },
                    >,
                > = $crate::parts::ConstStaticCell::new($crate::parts::FixedMemory::EMPTY);
                let parts = MEMORY.try_take()?.parts(&C);
                CORE.try_init_with(|| $crate::Core::new(parts, clock))
            }
            $crate::FixedKernel::new(make)
        };
    };
}

/// What memory holds before the kernel uses it: all zero, so that it costs a chip no flash.
pub trait Empty {
    /// The unused value.
    const EMPTY: Self;
}

impl Empty for u8 {
    const EMPTY: u8 = 0;
}

impl Empty for u32 {
    const EMPTY: u32 = 0;
}

/// The memory of a kernel in a `static`: made by the [`kernel!`](crate::kernel!) macro.
#[doc(hidden)]
pub struct FixedMemory<
    const PLUGINS: usize,
    const ERRORS: usize,
    const FILTERS: usize,
    const FILTER_LINKS: usize,
    const SERVICES: usize,
    const SERVICE_LINKS: usize,
    const CALLS: usize,
    const CALL_BYTES: usize,
    const LATENCY: usize,
    const ENTRIES: usize,
    const ENTRY_LINKS: usize,
    const STATE_BYTES: usize,
    const STATE_LINKS: usize,
    const LOG: usize,
    const ROUTES: usize,
    const NAME_BYTES: usize,
    const NAME_LINKS: usize,
    const WAITS: usize,
    const TAPS: usize,
> {
    plugins: [PluginSlot; PLUGINS],
    errors: [u8; ERRORS],
    filters: [FilterSlot; FILTERS],
    filter_links: [Head; FILTER_LINKS],
    services: [ServiceSlot; SERVICES],
    service_links: [Head; SERVICE_LINKS],
    calls: [CallSlot; CALLS],
    call_bytes: [u8; CALL_BYTES],
    latency: [u8; LATENCY],
    entries: [EntrySlot; ENTRIES],
    entry_links: [Head; ENTRY_LINKS],
    state_bytes: [u8; STATE_BYTES],
    state_links: [Head; STATE_LINKS],
    log: [u32; LOG],
    routes: [RouteSlot; ROUTES],
    name_bytes: [u8; NAME_BYTES],
    name_links: [Head; NAME_LINKS],
    waits: [WaitSlot; WAITS],
    taps: [TapSlot; TAPS],
}

impl<
    const PLUGINS: usize,
    const ERRORS: usize,
    const FILTERS: usize,
    const FILTER_LINKS: usize,
    const SERVICES: usize,
    const SERVICE_LINKS: usize,
    const CALLS: usize,
    const CALL_BYTES: usize,
    const LATENCY: usize,
    const ENTRIES: usize,
    const ENTRY_LINKS: usize,
    const STATE_BYTES: usize,
    const STATE_LINKS: usize,
    const LOG: usize,
    const ROUTES: usize,
    const NAME_BYTES: usize,
    const NAME_LINKS: usize,
    const WAITS: usize,
    const TAPS: usize,
>
    FixedMemory<
        PLUGINS,
        ERRORS,
        FILTERS,
        FILTER_LINKS,
        SERVICES,
        SERVICE_LINKS,
        CALLS,
        CALL_BYTES,
        LATENCY,
        ENTRIES,
        ENTRY_LINKS,
        STATE_BYTES,
        STATE_LINKS,
        LOG,
        ROUTES,
        NAME_BYTES,
        NAME_LINKS,
        WAITS,
        TAPS,
    >
{
    /// Nothing in it.
    pub const EMPTY: Self = FixedMemory {
        plugins: [const { PluginSlot::EMPTY }; PLUGINS],
        errors: [0; ERRORS],
        filters: [const { FilterSlot::EMPTY }; FILTERS],
        filter_links: [const { Head::EMPTY }; FILTER_LINKS],
        services: [const { ServiceSlot::EMPTY }; SERVICES],
        service_links: [const { Head::EMPTY }; SERVICE_LINKS],
        calls: [const { CallSlot::EMPTY }; CALLS],
        call_bytes: [0; CALL_BYTES],
        latency: [0; LATENCY],
        entries: [const { EntrySlot::EMPTY }; ENTRIES],
        entry_links: [const { Head::EMPTY }; ENTRY_LINKS],
        state_bytes: [0; STATE_BYTES],
        state_links: [const { Head::EMPTY }; STATE_LINKS],
        log: [0; LOG],
        routes: [const { RouteSlot::EMPTY }; ROUTES],
        name_bytes: [0; NAME_BYTES],
        name_links: [const { Head::EMPTY }; NAME_LINKS],
        waits: [const { WaitSlot::EMPTY }; WAITS],
        taps: [const { TapSlot::EMPTY }; TAPS],
    };

    /// The memory in its parts, of these capacities.
    pub const fn parts(&'static mut self, capacities: &Capacities) -> Parts {
        Parts {
            plugins: &mut self.plugins,
            errors: &mut self.errors,
            filters: &mut self.filters,
            filter_links: &mut self.filter_links,
            services: &mut self.services,
            service_links: &mut self.service_links,
            calls: &mut self.calls,
            call_bytes: &mut self.call_bytes,
            latency: &mut self.latency,
            entries: &mut self.entries,
            entry_links: &mut self.entry_links,
            state_bytes: &mut self.state_bytes,
            state_links: &mut self.state_links,
            log: &mut self.log,
            routes: &mut self.routes,
            name_bytes: &mut self.name_bytes,
            name_links: &mut self.name_links,
            waits: &mut self.waits,
            taps: &mut self.taps,
            error_size: capacities.error_bytes,
            call_size: capacities.call_bytes,
            latency_buckets: capacities.latency_buckets,
            state_block: capacities.state_block,
            name_size: capacities.name_bytes,
        }
    }
}

/// A kernel in a `static` and its lock, a critical section: made by the
/// [`kernel!`](crate::kernel!) macro.
pub struct FixedKernel {
    make: fn(Clock) -> Option<&'static mut Core>,
    /// Not there while an operation runs on it.
    core: Mutex<CriticalSectionRawMutex, cell::Cell<Option<&'static mut Core>>>,
}

impl FixedKernel {
    #[doc(hidden)]
    pub const fn new(make: fn(Clock) -> Option<&'static mut Core>) -> Self {
        FixedKernel {
            make,
            core: Mutex::new(cell::Cell::new(None)),
        }
    }

    /// Makes the kernel, with the platform's clock; `None` when it was made already.
    pub fn init(&'static self, clock: Clock) -> Option<Kernel> {
        let made = (self.make)(clock)?;
        self.core.lock(|core| core.set(Some(made)));
        Some(Kernel::new(self))
    }
}

impl Cell for FixedKernel {
    fn with(&self, operation: &mut Operation<'_>) {
        self.core.lock(|cell| {
            if let Some(core) = cell.take() {
                operation.run(core);
                cell.set(Some(core));
            }
        });
    }
}
