//! The memory of a kernel: chosen by its capacities, from a `static` or from a platform that allocates.

use crate::bus::{Filter, ReaderSlot, TapSlot};
use crate::call::{CallSlot, CalleeSlot, Registered};
use crate::capacity::Capacities;
use crate::life::PluginSlot;
use crate::mem::{Empty, Link, Slot};
use crate::state::Entry;
use crate::time::WaitSlot;

/// The memory of a kernel, one slice for each capacity. The [`kernel!`](crate::kernel!) macro makes it
/// from a `static`; a platform that allocates makes it from leaked boxes, by [`Parts::allocate`],
/// which knows how long each slice should be.
#[allow(
    missing_docs,
    reason = "each field is the memory of the capacity it is named after"
)]
pub struct Parts {
    pub plugins: &'static mut [PluginSlot],
    pub readers: &'static mut [ReaderSlot],
    pub callees: &'static mut [CalleeSlot],
    pub filters: &'static mut [Slot<Filter>],
    pub filter_heads: &'static mut [Link],
    pub services: &'static mut [Slot<Registered>],
    pub service_heads: &'static mut [Link],
    pub calls: &'static mut [CallSlot],
    pub call_bytes: &'static mut [u8],
    pub call_size: usize,
    pub entries: &'static mut [Slot<Entry>],
    pub entry_heads: &'static mut [Link],
    pub state_bytes: &'static mut [u8],
    pub state_links: &'static mut [Link],
    pub state_block: usize,
    pub log: &'static mut [u32],
    pub names: &'static mut [u8],
    pub name_bytes: usize,
    pub waits: &'static mut [WaitSlot],
    pub taps: &'static mut [TapSlot],
}

impl Parts {
    /// The memory for `capacities`, each slice made by `memory`: on a platform that allocates,
    /// leaked boxes.
    pub fn allocate(capacities: &Capacities, memory: &mut impl Memory) -> Parts {
        let c = capacities;
        Parts {
            plugins: memory.slots(c.plugins),
            readers: memory.slots(c.plugins),
            callees: memory.slots(c.plugins),
            filters: memory.slots(c.filters),
            filter_heads: memory.slots(Capacities::heads(c.filters)),
            services: memory.slots(c.services),
            service_heads: memory.slots(Capacities::heads(c.services)),
            calls: memory.slots(c.calls),
            call_bytes: memory.bytes(c.calls.saturating_mul(c.call_bytes)),
            call_size: c.call_bytes,
            entries: memory.slots(c.state_entries),
            entry_heads: memory.slots(Capacities::heads(c.state_entries)),
            state_bytes: memory.bytes(c.state_bytes),
            state_links: memory.slots(c.state_blocks()),
            state_block: c.state_block,
            log: memory.slots(c.log_bytes / 4),
            names: memory.bytes(Capacities::name_cells(c)),
            name_bytes: c.name_bytes,
            waits: memory.slots(c.waits),
            taps: memory.slots(c.taps),
        }
    }
}

/// Where [`Parts::allocate`] gets its memory from.
pub trait Memory {
    /// `len` unused values that live for ever.
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T];
    /// `len` zero bytes that live for ever.
    fn bytes(&mut self, len: usize) -> &'static mut [u8];
}

/// Makes the `static` of a kernel with the given [`Capacities`](crate::Capacities); call `init` on
/// it once.
///
/// ```
/// use kernel_core::{Capacities, CoreRuntime, Instant};
///
/// kernel_core::kernel! {
///     /// The kernel of this device.
///     static KERNEL = Capacities { log_bytes: 2048, ..Capacities::TINY };
/// }
///
/// fn since_boot() -> Instant { Instant::from_millis(0) }
///
/// let kernel = KERNEL.init(since_boot).expect("nobody else made it");
/// let runtime = CoreRuntime::new(kernel);
/// assert_eq!(runtime.metrics().log_bytes.capacity, 2048);
/// assert!(KERNEL.init(since_boot).is_none(), "there is only one");
/// ```
#[macro_export]
macro_rules! kernel {
    ($(#[$meta:meta])* $visibility:vis static $name:ident = $capacities:expr;) => {
        $(#[$meta])*
        $visibility static $name: $crate::FixedKernel = {
            use $crate::parts::*;
            const C: $crate::Capacities = $capacities;
            const _: () = assert!(C.log_bytes.is_power_of_two(), "log_bytes must be a power of two");
            const _: () = assert!(C.state_block.is_power_of_two(), "state_block must be a power of two");
            struct Fixed {
                plugins: [PluginSlot; C.plugins],
                readers: [ReaderSlot; C.plugins],
                callees: [CalleeSlot; C.plugins],
                filters: [Slot<Filter>; C.filters],
                filter_heads: [Link; $crate::Capacities::heads(C.filters)],
                services: [Slot<Registered>; C.services],
                service_heads: [Link; $crate::Capacities::heads(C.services)],
                calls: [CallSlot; C.calls],
                call_bytes: [u8; C.calls * C.call_bytes],
                entries: [Slot<Entry>; C.state_entries],
                entry_heads: [Link; $crate::Capacities::heads(C.state_entries)],
                state_bytes: [u8; C.state_bytes],
                state_links: [Link; C.state_blocks()],
                log: [u32; C.log_bytes / 4],
                names: [u8; $crate::Capacities::name_cells(&C)],
                waits: [WaitSlot; C.waits],
                taps: [TapSlot; C.taps],
            }
            fn make(clock: $crate::Clock) -> Option<&'static mut $crate::Core> {
                static CORE: StaticCell<$crate::Core> = StaticCell::new();
                static MEMORY: ConstStaticCell<Fixed> = ConstStaticCell::new(Fixed {
                    plugins: [const { PluginSlot::EMPTY }; C.plugins],
                    readers: [const { ReaderSlot::EMPTY }; C.plugins],
                    callees: [const { CalleeSlot::EMPTY }; C.plugins],
                    filters: [const { Slot::<Filter>::EMPTY }; C.filters],
                    filter_heads: [const { Link::EMPTY }; $crate::Capacities::heads(C.filters)],
                    services: [const { Slot::<Registered>::EMPTY }; C.services],
                    service_heads: [const { Link::EMPTY }; $crate::Capacities::heads(C.services)],
                    calls: [const { CallSlot::EMPTY }; C.calls],
                    call_bytes: [0; C.calls * C.call_bytes],
                    entries: [const { Slot::<Entry>::EMPTY }; C.state_entries],
                    entry_heads: [const { Link::EMPTY }; $crate::Capacities::heads(C.state_entries)],
                    state_bytes: [0; C.state_bytes],
                    state_links: [const { Link::EMPTY }; C.state_blocks()],
                    log: [0; C.log_bytes / 4],
                    names: [0; $crate::Capacities::name_cells(&C)],
                    waits: [const { WaitSlot::EMPTY }; C.waits],
                    taps: [const { TapSlot::EMPTY }; C.taps],
                });
                let m = MEMORY.try_take()?;
                let parts = $crate::Parts {
                    plugins: &mut m.plugins,
                    readers: &mut m.readers,
                    callees: &mut m.callees,
                    filters: &mut m.filters,
                    filter_heads: &mut m.filter_heads,
                    services: &mut m.services,
                    service_heads: &mut m.service_heads,
                    calls: &mut m.calls,
                    call_bytes: &mut m.call_bytes,
                    call_size: C.call_bytes,
                    entries: &mut m.entries,
                    entry_heads: &mut m.entry_heads,
                    state_bytes: &mut m.state_bytes,
                    state_links: &mut m.state_links,
                    state_block: C.state_block,
                    log: &mut m.log,
                    names: &mut m.names,
                    name_bytes: C.name_bytes,
                    waits: &mut m.waits,
                    taps: &mut m.taps,
                };
                CORE.try_init_with(|| $crate::Core::new(parts, clock))
            }
            $crate::FixedKernel::new(make)
        };
    };
}
