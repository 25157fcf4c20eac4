//! The supervisor: opinions about lives that the kernel runs without any. A task over the kernel's own API, which
//! anybody may replace.
//!
//! - A plugin that fails is started again after a pause that doubles with every failure, at most so often in a
//!   window ([`RestartPolicy`](kernel_core::RestartPolicy)); then it is given up.
//! - A plugin is started once all plugins that it depends on are. All depend on the storage, where there is one.
//! - A plugin whose provider is given up is FAILED, code `dependency_not_started`, and comes back with it, by whatever
//!   road the provider does.
//! - All are started, providers first; and stopped, dependents first.
//! - What others do with the kernel's own manager, it takes as what should be.
//!
//! ```no_run
//! use kernel_core::CoreRuntime;
//! use kernel_supervisor::Supervisor;
//!
//! static SUPERVISOR: Supervisor<8> = Supervisor::new();
//!
//! async fn tasks(runtime: CoreRuntime) {
//!     // One task keeps the plugins going ...
//!     SUPERVISOR.run(runtime).await;
//! }
//!
//! async fn operator(runtime: CoreRuntime) {
//!     // ... another one says what should be.
//!     let failed = SUPERVISOR.start_all(runtime).await;
//!     assert!(failed.is_empty());
//! }
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod commands;
mod slot;
mod step;

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use kernel_core::{CoreRuntime, PluginSet, Status};

use slot::Slot;

/// The supervisor of a kernel with at most `N` plugins: further ones are not supervised.
pub struct Supervisor<const N: usize> {
    state: Mutex<CriticalSectionRawMutex, RefCell<State<N>>>,
}

/// What it keeps.
pub(crate) struct State<const N: usize> {
    pub(crate) slots: [Slot; N],
    /// Those that are not started with all.
    pub(crate) off: PluginSet,
    /// No plugin is started any more.
    pub(crate) stopping: bool,
    /// Those that were started when the supervisor looked last and have not failed for good: when such a one is led
    /// elsewhere, that is somebody's will.
    pub(crate) up: PluginSet,
    pub(crate) random: u32,
}

impl<const N: usize> Default for Supervisor<N> {
    fn default() -> Self {
        Supervisor::new()
    }
}

impl<const N: usize> Supervisor<N> {
    /// A supervisor that wants nothing yet.
    pub const fn new() -> Self {
        Supervisor {
            state: Mutex::new(RefCell::new(State {
                slots: [Slot::EMPTY; N],
                off: PluginSet::NONE,
                stopping: false,
                up: PluginSet::NONE,
                random: 0,
            })),
        }
    }

    pub(crate) fn with<R>(&self, todo: impl FnOnce(&mut State<N>) -> R) -> R {
        self.state.lock(|state| todo(&mut state.borrow_mut()))
    }

    /// Keeps the plugins as they should be, for ever.
    ///
    /// # Cancellation
    /// Nothing is restarted any more; run it again to go on.
    pub async fn run(&self, runtime: CoreRuntime) {
        let (mut changes, mut next) = (runtime.plugins().watch(), None);
        poll_fn(|task| {
            loop {
                match changes.poll(next, task.waker()) {
                    Poll::Ready(Ok(())) => next = self.step(&runtime).next,
                    Poll::Ready(Err(_)) => {
                        // Without a place to wait in, it looks again when the others had their turn.
                        task.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::<()>::Pending,
                }
            }
        })
        .await;
    }

    /// Leaves the plugin in this slot out when all are started: until somebody starts it, those that depend on it are
    /// FAILED, code `dependency_not_started`.
    pub fn switch_off(&self, index: usize) {
        self.with(|state| state.off.insert(index));
    }

    /// Starts all installed plugins that are not switched off, providers first; resolves to those that were given up, once each of the others
    /// is started. [`Supervisor::run`] must run meanwhile.
    ///
    /// # Cancellation
    /// The plugins go on towards it.
    pub async fn start_all(&self, runtime: CoreRuntime) -> PluginSet {
        runtime.set_status(Status::Starting);
        self.with(|state| state.stopping = false);
        self.want_all(&runtime, true);
        let failed = self.settle(runtime, None).await;
        runtime.set_status(Status::Running);
        failed
    }

    /// Stops and unloads all plugins, dependents first and the storage last, within `limit`; resolves to those that
    /// did not. [`Supervisor::run`] must run meanwhile.
    ///
    /// # Cancellation
    /// What is left is still being stopped.
    pub async fn stop_all(&self, runtime: CoreRuntime, limit: Duration) -> PluginSet {
        runtime.set_status(Status::Stopping);
        self.with(|state| state.stopping = true);
        self.want_all(&runtime, false);
        let late = self.settle(runtime, Some(runtime.now().after(limit))).await;
        runtime.set_status(Status::Stopped);
        late
    }
}
