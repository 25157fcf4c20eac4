//! The thread that keeps the kernel's deadlines and the time of day, and on which the supervisor decides.
//!
//! It is apart from everything else, so that no plugin, disk or client can make a deadline late.

use std::time::Duration;

use kernel_core::json::to_json;
use kernel_core::{CoreRuntime, Instant, MAX_PLUGINS, name};
use tracing::warn;

use crate::clock;
use crate::host_error::HostError;
use crate::pulse::Asked;
use crate::worker::Worker;

/// Where there is no deadline the thread looks again after this long, and finds nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the system's clock is looked at: whoever sets it is noticed after this long.
const WALL_CLOCK: Duration = Duration::from_secs(60);

/// What the system's clock may be apart from what was said of it: it is slewed all the time.
const WALL_SLACK_MS: u64 = 20;

/// The supervisor of a host: of as many plugins as a kernel may have.
pub type Supervisor = kernel_supervisor::Supervisor<MAX_PLUGINS>;

pub(crate) fn spawn(
    runtime: CoreRuntime,
    supervisor: &'static Supervisor,
    mut pulse: Asked,
) -> Result<Worker, HostError> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(HostError::Reactor)?;
    Worker::spawn("timers", move |stop| {
        reactor.block_on(async {
            tokio::select! {
                () = runtime.kernel().run_timers(sleep_until) => {}
                () = supervisor.run(runtime) => {}
                () = keep_wall_clock(runtime) => {}
                never = pulse.answer() => match never {},
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

/// Says in the state what the time of day is, as plugins ask for it (`plugin_kit::CLOCK_ZERO`).
async fn keep_wall_clock(runtime: CoreRuntime) {
    let mut said = 0;
    loop {
        let zero = clock::zero_unix_micros() / 1_000;
        if zero.abs_diff(said) > WALL_SLACK_MS {
            said = zero;
            if let Err(fault) = set_wall_clock(runtime, zero).await {
                warn!("the time of day is not in the state: {fault}");
            }
        }
        tokio::time::sleep(WALL_CLOCK).await;
    }
}

async fn set_wall_clock(runtime: CoreRuntime, zero: u64) -> Result<(), kernel_core::Error> {
    let mut buf = [0; 24];
    let value = to_json(&zero, &mut buf)?;
    runtime.state().set(name!("clock.zero_unix_ms"), value).await?;
    Ok(())
}
