//! The threads that run plugins: one shared by all that do not block, and one for each that does.
//!
//! ```text
//! thread "plugins"     supervise(a)  supervise(b)  supervise(c)      watched: who holds it, how long
//! thread "plugin:d"    supervise(d)
//! ```
//!
//! Each plugin has one supervisor, which drives one life after another. Whatever one poll of a plugin
//! does, the thread's other plugins go on afterwards: a panic ends that life alone.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use kernel_core::{Exit, Installed};
use tokio::task::LocalSet;

use crate::guest;
use crate::host_error::HostError;
use crate::panics;
use crate::plugins::{Life, PluginType};
use crate::watchdog::Watch;
use crate::worker::Worker;

/// A plugin that is to run on a thread.
pub(crate) struct Job {
    pub(crate) plugin: PluginType,
    pub(crate) installed: Installed,
}

/// Runs the plugins on a new thread, which has a reactor for those with I/O and timers of their own.
/// With a `watch`, each poll is noted there under the job's place in `jobs`; without one, the thread is the
/// one job's alone.
pub(crate) fn spawn(
    name: &str,
    jobs: Vec<Job>,
    buffer: usize,
    watch: Option<Arc<Watch>>,
) -> Result<Worker, HostError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HostError::Reactor)?;
    Worker::spawn(name, move |stop| {
        let tasks = LocalSet::new();
        let one = jobs.len() == 1;
        let mut supervisors = (0..)
            .zip(jobs)
            .map(|(place, job)| supervise(job, buffer, watch.clone(), place));
        // One that is alone is what the thread itself waits for: no queue is between it and its wakes.
        let mut alone = one.then(|| supervisors.next()).flatten().map(Box::pin);
        supervisors.for_each(|supervisor| drop(tasks.spawn_local(supervisor)));
        tasks.block_on(&runtime, async {
            let mut asked = pin!(stop.asked());
            poll_fn(|cx| {
                let asked = asked.as_mut().poll(cx);
                if asked.is_pending()
                    && let Some(alone) = &mut alone
                {
                    // It never ends.
                    let _: Poll<()> = alone.as_mut().poll(cx);
                }
                asked
            })
            .await;
            // Plugin values may hold sockets, timers and tasks, which want the reactor when they are dropped.
            alone = None;
        });
        let _inside = runtime.enter();
        drop(tasks);
    })
}

/// Drives one life of the plugin after another, for ever.
async fn supervise(job: Job, buffer: usize, watch: Option<Arc<Watch>>, place: usize) {
    let Job { plugin, installed } = job;
    let mut buf = vec![0; buffer];
    loop {
        let life = Guarded {
            life: plugin.live(installed, &mut buf),
            plugin: plugin.name(),
            watch: watch.as_deref(),
            place,
        };
        if let Err(payload) = life.await {
            installed.crashed("panic", &panics::caught(payload.as_ref()));
        }
        // A life that ends at once must not keep the thread from the other plugins.
        tokio::task::yield_now().await;
    }
}

/// A life whose polls are watched, and whose panic is its result.
struct Guarded<'a> {
    life: Life<'a>,
    plugin: &'static str,
    watch: Option<&'a Watch>,
    place: usize,
}

impl Future for Guarded<'_> {
    type Output = Result<Exit, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _running = panics::running(this.plugin);
        let _held = this.watch.map(|watch| watch.held_by(this.place));
        let shared = this.watch.is_some();
        let mut poll = || this.life.as_mut().poll(cx);
        // After a panic the life is dropped unpolled, so that nothing sees what it left half done.
        let turn = catch_unwind(AssertUnwindSafe(|| match shared {
            true => poll(),
            false => guest::alone(poll),
        }));
        match turn {
            Ok(turn) => turn.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}
