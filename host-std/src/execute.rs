//! One life of a plugin after another: as a task of the [`pool`](crate::pool), or on a thread of its own.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel_core::{Context, Error, Installed, PluginId};
use link_gateway::Door;
use plugin_host::Checked;
use tokio::task::yield_now;

use crate::host_error::HostError;
use crate::panics;
use crate::plugins::{Life, LocalLife, Movable, PluginType, Run};
use crate::worker::Worker;

/// A plugin that is to run.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) plugin: PluginType,
    pub(crate) installed: Installed,
    /// Its way to the kernel, where its calls are checked on it.
    pub(crate) checked: Option<&'static Checked>,
    /// The door to the link, for one that is a gateway.
    pub(crate) door: &'static Door,
    /// Bytes for a message and its reply.
    pub(crate) buffer: usize,
}

impl Job {
    /// Its way to the kernel in its present life.
    fn context(&self) -> Context {
        let cx = self.installed.context();
        match self.checked {
            Some(waist) => Context::new(waist, cx.id()),
            None => cx,
        }
    }

    fn begin<'b>(&self, live: Movable, buf: &'b mut [u8]) -> Life<'b> {
        match live {
            Movable::Driven(live) => live(self.context(), buf),
            Movable::OwnLoop(live) => live(self.installed, buf),
            Movable::Gateway(live) => live(self.context(), self.door, buf),
        }
    }
}

/// The life that is being run, and whether the next one runs elsewhere.
#[derive(Default)]
pub(crate) struct Present(Mutex<State>);

#[derive(Default)]
struct State {
    life: Option<PluginId>,
    moved: bool,
}

impl State {
    /// True when the kernel has ended the life meanwhile.
    fn is_over(&self, installed: Installed) -> bool {
        self.life.is_some_and(|life| life != installed.context().id())
    }
}

impl Present {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next life begins; false when it does elsewhere.
    fn begin(&self, installed: Installed) -> bool {
        let mut state = self.state();
        state.life = Some(installed.context().id());
        !state.moved
    }

    fn end(&self, installed: Installed, outcome: Result<(), String>) {
        // One that the kernel has ended already failed for another reason, and the next one must not pay for it.
        if let Err(text) = outcome
            && !self.state().is_over(installed)
        {
            installed.crashed(&Error::new("panic", &text));
        }
    }

    /// Lets the next life begin elsewhere, when the present one is over by the kernel; true for that.
    pub(crate) fn move_away(&self, installed: Installed) -> bool {
        let mut state = self.state();
        let over = state.is_over(installed) && !state.moved;
        state.moved |= over;
        over
    }
}

/// Runs lives of the plugin on whatever thread polls it, until the next one is to run elsewhere.
pub(crate) async fn anywhere(job: Job, live: Movable, present: &Present) {
    let mut buf = vec![0; job.buffer];
    while present.begin(job.installed) {
        let outcome = panics::catch(job.plugin.name(), job.begin(live, &mut buf)).await;
        present.end(job.installed, outcome);
        // A life that ends at once must not keep the thread from others.
        yield_now().await;
    }
}

/// Runs lives of the plugin on this thread, for ever.
async fn here(job: Job) {
    let present = Present::default();
    let mut buf = vec![0; job.buffer];
    while present.begin(job.installed) {
        let life: LocalLife<'_> = match job.plugin.run {
            Run::Anywhere(live) => job.begin(live, &mut buf),
            Run::OnOneThread(live) => live(job.context(), &mut buf),
        };
        let outcome = panics::catch(job.plugin.name(), life).await;
        present.end(job.installed, outcome);
        yield_now().await;
    }
}

/// Runs the plugin on a new thread, which has a reactor for its own I/O and timers.
pub(crate) fn spawn(job: Job) -> Result<Worker, HostError> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HostError::Reactor)?;
    job.installed.set_placement("own thread");
    Worker::spawn(&format!("plugin:{}", job.plugin.name()), move |stop| {
        reactor.block_on(async {
            let lives = pin!(here(job));
            tokio::select! {
                () = lives => {}
                () = stop.asked() => {}
            }
        });
    })
}
