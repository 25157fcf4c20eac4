//! Notices a plugin that holds a thread of the [`pool`](crate::pool), has the thread made up for, and says which
//! plugin it is.
//!
//! While nothing is polled it sleeps, and the next poll wakes it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::execute;
use crate::host_error::HostError;
use crate::pool::{Pool, Seat};
use crate::worker::{Stop, Worker};

/// Threads that were made for plugins.
pub(crate) type Made = Arc<Mutex<Vec<Worker>>>;

/// Between two looks. A thread that is found in the same poll twice is held up.
const EVERY: Duration = Duration::from_millis(3);

/// Looks in a row that find nothing polled before the watchdog sleeps.
const IDLE_LOOKS: u32 = 4;

/// A poll that was under way at the last look.
struct Poll {
    seat: Arc<Seat>,
    turn: u64,
    plugin: &'static str,
    since: Instant,
    /// How long it had taken when that was said last.
    warned: Option<Duration>,
}

/// Starts the watchdog; it warns of a poll that takes `limit`, and then each time it has taken twice as long.
/// Threads that it makes for plugins are added to `made`.
pub(crate) fn spawn(pool: Pool, limit: Duration, made: Made) -> Result<Worker, HostError> {
    Worker::spawn("watchdog", move |mut stop| {
        pool.watched_by(thread::current());
        run(&pool, limit, &made, &mut stop);
    })
}

fn run(pool: &Pool, limit: Duration, made: &Made, stop: &mut Stop) {
    let mut seen: Vec<Poll> = Vec::new();
    let mut idle = 0;
    while !stop.is_asked() {
        let found = pool.polls();
        let mut still = Vec::with_capacity(found.len());
        for (seat, turn, task) in &found {
            let plugin = task.job.plugin.name();
            let before = seen
                .iter()
                .position(|poll| poll.turn == *turn && Arc::ptr_eq(&poll.seat, seat));
            let Some(mut poll) = before.map(|at| seen.swap_remove(at)) else {
                still.push(Poll {
                    seat: seat.clone(),
                    turn: *turn,
                    plugin,
                    since: Instant::now(),
                    warned: None,
                });
                continue;
            };
            pool.replace(seat);
            let held = poll.since.elapsed();
            if held >= poll.warned.map_or(limit, |last| last * 2) {
                warn!(
                    plugin,
                    "plugin {plugin} has held a shared thread for {} ms: give it a thread of its own \
                     (placement = \"thread\")",
                    held.as_millis()
                );
                poll.warned = Some(held);
            }
            if task.present.move_away(task.job.installed) {
                warn!(
                    plugin,
                    "plugin {plugin} still holds a shared thread after its life is over: its next life gets a \
                     thread of its own"
                );
                match execute::spawn(task.job) {
                    Ok(worker) => made.lock().unwrap_or_else(PoisonError::into_inner).push(worker),
                    Err(cause) => error!(plugin, "plugin {plugin} does not run any more: {cause}"),
                }
            }
            still.push(poll);
        }
        for poll in &seen {
            if let Some(last) = poll.warned {
                let plugin = poll.plugin;
                info!(
                    plugin,
                    "plugin {plugin} gave the shared thread back after more than {} ms",
                    last.as_millis()
                );
            }
        }
        seen = still;
        idle = if found.is_empty() { idle + 1 } else { 0 };
        if idle < IDLE_LOOKS {
            thread::park_timeout(EVERY);
            continue;
        }
        idle = 0;
        pool.watchdog_sleeps(true);
        if pool.polls().is_empty() && !stop.is_asked() {
            thread::park();
        }
        pool.watchdog_sleeps(false);
    }
}
