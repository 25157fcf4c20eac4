//! One life of a module, on its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use kernel_core::{Error, PluginId, Waist};
use wasmi::{Linker, Memory, Store, StoreLimits, TrapCode, TypedFunc, TypedResumableCall, WasmResults};

use super::module::{MEMORY, RUN};
use super::ops::Tickets;
use super::{Sandbox, imports, services};
use crate::gate::is_over;
use crate::guard::Guard;

/// Fuel that a module has each time it is woken: a few milliseconds. One that needs more is looked at whether its life is
/// over, and pauses for as long as it ran: it has half of a processor at most.
pub(super) const SLICE: u64 = 500_000;

/// The longest pause.
const PAUSE: Duration = Duration::from_millis(50);

/// What the imports work on.
pub(super) struct Life {
    pub(super) guard: Guard,
    pub(super) who: PluginId,
    pub(super) tickets: Tickets,
    woken: Arc<Woken>,
    pub(super) waker: Waker,
    /// Since when it runs.
    since: Instant,
    /// That it is to load was taken from the mailbox, and the module does not know yet.
    pub(super) is_to_load: bool,
}

/// A life, and what of the store belongs to it.
pub(super) struct State {
    pub(super) life: Life,
    pub(super) memory: Option<Memory>,
    /// The operation that is carried out.
    pub(super) op: Vec<u8>,
    limits: StoreLimits,
}

/// Something that the module waits for may have happened.
struct Woken {
    is: AtomicBool,
    thread: Thread,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Life {
    /// Waits until the plugin is woken; false when its life is over.
    pub(super) fn wait(&mut self) -> bool {
        loop {
            if self.woken.is.swap(false, Ordering::Acquire) {
                self.since = Instant::now();
                return true;
            }
            if self.is_over() {
                return false;
            }
            thread::park();
        }
    }

    fn pause(&mut self) {
        thread::sleep(self.since.elapsed().min(PAUSE));
        self.since = Instant::now();
    }

    /// Whether the kernel has ended it; wakes when it does.
    fn is_over(&self) -> bool {
        is_over(&self.guard, self.who, Some(&self.waker))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for ticket in self.tickets.all() {
            self.guard.leave(self.who, ticket);
        }
    }
}

/// Runs it to its end.
pub(super) fn run(sandbox: &Sandbox, guard: Guard, who: PluginId) -> Result<(), Error> {
    let invalid = |wrong: String| Error::new("invalid_module", &wrong);
    let (engine, module) = sandbox.load().map_err(invalid)?;
    let woken = Arc::new(Woken {
        is: AtomicBool::new(false),
        thread: thread::current(),
    });
    let life = Life {
        guard,
        who,
        tickets: Tickets::default(),
        waker: Waker::from(woken.clone()),
        woken,
        since: Instant::now(),
        is_to_load: true,
    };
    let state = State {
        life,
        memory: None,
        op: Vec::new(),
        limits: sandbox.limits(),
    };
    let mut store = Store::new(&engine, state);
    store.limiter(|state| &mut state.limits);
    let mut linker = Linker::new(&engine);
    let failed = |error: wasmi::Error| failure(&error, sandbox);
    imports::link(&mut linker).map_err(failed)?;
    store.set_fuel(SLICE).map_err(failed)?;
    let instance = linker.instantiate_and_start(&mut store, &module);
    let instance = instance.map_err(|error| invalid(failure(&error, sandbox).message().to_owned()))?;
    store.data_mut().memory = instance.get_memory(&store, MEMORY);
    let mut runner = Runner { store, sandbox };
    if let Some(function) = services::function(&instance, &runner.store) {
        let Some(place) = runner.call(&function)? else {
            return Ok(());
        };
        services::keep(&runner.store, &sandbox.name, place)?;
    }
    let function = instance.get_typed_func::<(), ()>(&runner.store, RUN);
    match runner.call(&function.map_err(failed)?)? {
        None => Ok(()),
        Some(()) => Err(Error::new(
            "exited",
            "the module's function `run` returned before the plugin was unloaded",
        )),
    }
}

/// Runs functions of an instance.
struct Runner<'s> {
    store: Store<State>,
    sandbox: &'s Sandbox,
}

impl Runner<'_> {
    /// Runs a function to its end; `None` when the kernel ended the life before.
    fn call<T: WasmResults>(&mut self, function: &TypedFunc<(), T>) -> Result<Option<T>, Error> {
        let failed = |error: wasmi::Error| failure(&error, self.sandbox);
        self.store.set_fuel(SLICE).map_err(failed)?;
        let mut call = function.call_resumable(&mut self.store, ());
        loop {
            call = match call.map_err(failed)? {
                TypedResumableCall::Finished(result) => return Ok(Some(result)),
                TypedResumableCall::HostTrap(trap) => return Err(failure(trap.host_error(), self.sandbox)),
                TypedResumableCall::OutOfFuel(out) => {
                    if self.store.data().life.is_over() {
                        return Ok(None);
                    }
                    self.store.data_mut().life.pause();
                    let fuel = SLICE.max(out.required_fuel());
                    self.store.set_fuel(fuel).map_err(failed)?;
                    out.resume(&mut self.store)
                }
            };
        }
    }
}

/// Why it failed, for people.
fn failure(error: &wasmi::Error, sandbox: &Sandbox) -> Error {
    if let Some(imports::Ended(error)) = error.downcast_ref() {
        return error.clone();
    }
    match error.as_trap_code() {
        Some(TrapCode::GrowthOperationLimited) => {
            let text = format!(
                "it wants more than limits.memory_mb = {} in its manifest",
                sandbox.memory_mb
            );
            Error::new("out_of_memory", &text)
        }
        _ => Error::new("trap", &error.to_string()),
    }
}
