//! The thread that keeps the kernel's deadlines.
//!
//! It is apart from everything else, so that no plugin, disk or client can make a deadline late.

use std::time::Duration;

use kernel_core::{Instant, Kernel};

use crate::clock;
use crate::host_error::HostError;
use crate::worker::Worker;

/// Where there is no deadline the thread looks again after this long, and finds nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn spawn(kernel: Kernel) -> Result<Worker, HostError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(HostError::Reactor)?;
    Worker::spawn("timers", move |stop| {
        runtime.block_on(async {
            tokio::select! {
                () = kernel.run_timers(sleep_until) => {}
                () = stop.asked() => {}
            }
        });
    })
}

async fn sleep_until(at: Instant) {
    let latest = std::time::Instant::now() + LONGEST_SLEEP;
    let until = clock::instant(at.as_micros()).map_or(latest, |at| at.min(latest));
    tokio::time::sleep_until(until.into()).await;
}
