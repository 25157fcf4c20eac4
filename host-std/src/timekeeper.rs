//! The thread that keeps the kernel's deadlines, and on which the supervisor decides.
//!
//! It is apart from everything else, so that no plugin, disk or client can make a deadline late.

use std::time::Duration;

use kernel_core::{CoreRuntime, Instant, MAX_PLUGINS};

use crate::clock;
use crate::host_error::HostError;
use crate::worker::Worker;

/// Where there is no deadline the thread looks again after this long, and finds nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The supervisor of a host: of as many plugins as a kernel may have.
pub type Supervisor = kernel_supervisor::Supervisor<MAX_PLUGINS>;

pub(crate) fn spawn(runtime: CoreRuntime, supervisor: &'static Supervisor) -> Result<Worker, HostError> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(HostError::Reactor)?;
    Worker::spawn("timers", move |stop| {
        reactor.block_on(async {
            tokio::select! {
                () = runtime.kernel().run_timers(sleep_until) => {}
                () = supervisor.run(runtime) => {}
                () = stop.asked() => {}
            }
        });
    })
}

async fn sleep_until(at: Instant) {
    let latest = std::time::Instant::now() + LONGEST_SLEEP;
    let until = clock::instant(at).map_or(latest, |at| at.min(latest));
    tokio::time::sleep_until(until.into()).await;
}
