//! The kernel's data behind one lock, and the handle that erases how big it is.

use core::task::Waker;

use heapless::Vec;

use crate::bus::{Bus, FilterSlot, RouteSlot, TapSlot};
use crate::calls::{CallSlot, Calls};
use crate::capacity::Capacities;
use crate::fixed::Empty;
use crate::id::PluginId;
use crate::lifecycle::{PluginSlot, Plugins};
use crate::log::MAX_PLUGINS;
use crate::pool::Pool;
use crate::registry::{Histograms, ServiceSlot};
use crate::state::{Entries, EntrySlot};
use crate::table::{Link, Table};
use crate::text::Names;
use crate::time::Clock;
use crate::timer::{Timers, WaitSlot};

/// How many tasks one operation wakes after it has left the lock; the rest it wakes inside.
const WAKES: usize = 4;

/// The lock around a [`Core`]. The `static` of the [`kernel!`](crate::kernel) macro implements it
/// with a critical section; a platform with its own mutex implements it over that.
///
/// The kernel never calls `with` inside `with`, and stays inside for a bounded time. It wakes tasks
/// when it has left, but drops wakers inside, and wakes inside what is more than a few at once: an
/// executor's wakers must not come back into the kernel from `wake` or `drop` while the thread has the
/// lock. (Those of embassy and tokio never do.) An implementation must run the operation exactly once; if
/// it cannot, the caller is answered "unavailable".
pub trait Cell: Sync {
    /// Runs the operation on the kernel's data, alone.
    fn with(&self, operation: &mut Operation<'_>);
}

/// Something to be done under the lock, and whom it made ready.
pub struct Operation<'a> {
    work: &'a mut dyn Do,
    wakes: Wakes,
}

impl Operation<'_> {
    /// Does it.
    #[inline]
    pub fn run(&mut self, core: &mut Core) {
        self.work.run(core);
        if !core.wakes.is_empty() {
            core::mem::swap(&mut core.wakes, &mut self.wakes);
        }
    }
}

/// Does its work. (A trait of its own, because the table of a `dyn FnMut` holds every operation twice,
/// once by value.)
trait Do {
    fn run(&mut self, core: &mut Core);
}

/// An operation with a result: what is to be done, and what came of it.
struct Work<F, R> {
    todo: F,
    result: R,
}

impl<R, F: FnMut(&mut Core) -> R> Do for Work<F, R> {
    fn run(&mut self, core: &mut Core) {
        self.result = (self.todo)(core);
    }
}

pub(crate) type Wakes = Vec<Waker, WAKES>;

/// The handle to a kernel: two words, free to copy, the same type for every size and mutex.
#[derive(Clone, Copy)]
pub struct Kernel(&'static dyn Cell);

impl Kernel {
    /// The handle to the kernel in `cell`.
    pub const fn new(cell: &'static dyn Cell) -> Self {
        Kernel(cell)
    }

    /// Runs `todo` under the lock, then wakes whom it made ready.
    pub(crate) fn with<R: Unavailable>(self, todo: impl FnMut(&mut Core) -> R) -> R {
        let mut work = Work {
            todo,
            result: R::unavailable(),
        };
        self.run(&mut work);
        work.result
    }

    /// [`Kernel::with`] for an operation that gives away something it was given.
    pub(crate) fn with_once<R: Unavailable>(self, todo: impl FnOnce(&mut Core) -> R) -> R {
        let mut todo = Some(todo);
        self.with(|core| todo.take().map_or_else(R::unavailable, |todo| todo(core)))
    }

    /// The part of [`Kernel::with`] that is the same for all operations.
    fn run(self, work: &mut dyn Do) {
        let mut operation = Operation {
            work,
            wakes: Vec::new(),
        };
        self.0.with(&mut operation);
        while let Some(waker) = operation.wakes.pop() {
            waker.wake();
        }
    }
}

/// What an operation answers when the kernel's lock could not be taken: a misbehaving [`Cell`].
pub(crate) trait Unavailable {
    fn unavailable() -> Self;
}

impl Unavailable for () {
    fn unavailable() {}
}

impl<T> Unavailable for Option<T> {
    fn unavailable() -> Self {
        None
    }
}

impl<T, E: Unavailable> Unavailable for Result<T, E> {
    fn unavailable() -> Self {
        Err(E::unavailable())
    }
}

impl<T> Unavailable for core::task::Poll<T> {
    fn unavailable() -> Self {
        core::task::Poll::Pending
    }
}

/// All of a kernel's data. Opaque: a platform makes it, gives it to its [`Cell`] and never looks.
pub struct Core {
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) plugins: Plugins,
    pub(crate) bus: Bus,
    pub(crate) services: Table<ServiceSlot>,
    pub(crate) latency: Histograms,
    pub(crate) calls: Calls,
    pub(crate) state: Entries,
    pub(crate) timers: Timers,
    pub(crate) started_at: u64,
    pub(crate) starting: bool,
    pub(crate) running: bool,
    pub(crate) shutting_down: bool,
    pub(crate) storage_open: bool,
    pub(crate) storage_closing: bool,
    pub(crate) storage_errors: usize,
    wakes: Wakes,
}

impl Core {
    /// A kernel in the memory of `parts`, with the platform's `clock`.
    pub fn new(parts: Parts, clock: Clock) -> Self {
        let plugins = parts.plugins.len().min(MAX_PLUGINS);
        Core {
            clock,
            names: Names::new(parts.name_bytes, parts.name_links, parts.name_size),
            bus: Bus::new(
                parts.log,
                parts.routes,
                plugins,
                Table::new(parts.filters, parts.filter_links),
                parts.taps,
            ),
            services: Table::new(parts.services, parts.service_links),
            latency: Histograms::new(parts.latency, parts.latency_buckets),
            calls: Calls::new(parts.calls, parts.call_bytes, parts.call_size),
            state: Entries::new(
                Table::new(parts.entries, parts.entry_links),
                Pool::new(parts.state_bytes, parts.state_links, parts.state_block),
            ),
            plugins: Plugins::new(parts.plugins, parts.errors, parts.error_size),
            timers: Timers::new(parts.waits),
            started_at: 0,
            starting: false,
            running: false,
            shutting_down: false,
            storage_open: false,
            storage_closing: false,
            storage_errors: 0,
            wakes: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Wakes the task once the lock is left.
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        wake(&mut self.wakes, waker);
    }

    /// The parts a publisher needs at the same time.
    pub(crate) fn routing(&mut self) -> (&mut Bus, &mut Plugins, &mut Wakes) {
        (&mut self.bus, &mut self.plugins, &mut self.wakes)
    }

    /// True when `who` may act: the operator, the kernel, or a plugin in its present life.
    pub(crate) fn is_live(&self, who: PluginId) -> bool {
        !who.is_plugin() || self.plugins.get(who).is_some()
    }
}

/// See [`Core::wake`].
pub(crate) fn wake(wakes: &mut Wakes, waker: Option<Waker>) {
    if let Some(waker) = waker
        && let Err(waker) = wakes.push(waker)
    {
        waker.wake();
    }
}

/// Keeps `waker` in `slot`, unless the one there wakes the same task.
pub(crate) fn keep_waker(slot: &mut Option<Waker>, waker: &Waker) {
    if !slot.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}

/// The memory of a kernel, one slice per capacity. The [`kernel!`](crate::kernel) macro makes it
/// from a `static`; a platform that allocates makes it from leaked boxes, by [`Parts::allocate`],
/// which knows how long each slice should be.
#[allow(
    missing_docs,
    reason = "each field is the memory of the capacity it is named after"
)]
pub struct Parts {
    pub plugins: &'static mut [PluginSlot],
    pub errors: &'static mut [u8],
    pub error_size: usize,
    pub filters: &'static mut [FilterSlot],
    pub filter_links: &'static mut [Head],
    pub services: &'static mut [ServiceSlot],
    pub service_links: &'static mut [Head],
    pub calls: &'static mut [CallSlot],
    pub call_bytes: &'static mut [u8],
    pub call_size: usize,
    pub latency: &'static mut [u8],
    pub latency_buckets: usize,
    pub entries: &'static mut [EntrySlot],
    pub entry_links: &'static mut [Head],
    pub state_bytes: &'static mut [u8],
    pub state_links: &'static mut [Head],
    pub state_block: usize,
    pub log: &'static mut [u32],
    pub routes: &'static mut [RouteSlot],
    pub name_bytes: &'static mut [u8],
    pub name_links: &'static mut [Head],
    pub name_size: usize,
    pub waits: &'static mut [WaitSlot],
    pub taps: &'static mut [TapSlot],
}

impl Parts {
    /// The memory for `capacities`, each slice made by `memory`: on a platform that allocates,
    /// `|n| Box::leak(..)` of `n` default values.
    pub fn allocate(capacities: &Capacities, memory: &mut impl Memory) -> Parts {
        let c = capacities;
        Parts {
            plugins: memory.slots(c.plugins),
            errors: memory.bytes(c.plugins.saturating_mul(c.error_bytes)),
            error_size: c.error_bytes,
            filters: memory.slots(c.filters),
            filter_links: memory.slots(Capacities::links(c.filters)),
            services: memory.slots(c.services),
            service_links: memory.slots(Capacities::links(c.services)),
            calls: memory.slots(c.calls),
            call_bytes: memory.bytes(c.calls.saturating_mul(c.call_bytes)),
            call_size: c.call_bytes,
            latency: memory.bytes(c.latency_bytes()),
            latency_buckets: c.latency_buckets,
            entries: memory.slots(c.state_entries),
            entry_links: memory.slots(Capacities::links(c.state_entries)),
            state_bytes: memory.bytes(c.state_bytes),
            state_links: memory.slots(c.state_blocks()),
            state_block: c.state_block,
            log: memory.slots(c.log_bytes / 4),
            routes: memory.slots(Capacities::routes(c.log_bytes)),
            name_bytes: memory.bytes(c.names.saturating_mul(c.name_bytes)),
            name_links: memory.slots(c.names),
            name_size: c.name_bytes,
            waits: memory.slots(c.waits),
            taps: memory.slots(c.taps),
        }
    }
}

/// Where [`Parts::allocate`] gets its memory from.
pub trait Memory {
    /// `len` default values that live for ever.
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T];
    /// `len` zero bytes that live for ever.
    fn bytes(&mut self, len: usize) -> &'static mut [u8];
}

/// A link of a table: opaque.
pub type Head = Link;
