//! Notices a plugin that holds the shared thread, and says which one it is.
//!
//! The shared thread notes the beginning and the end of each poll in one word. The watchdog reads it
//! from its own thread a few times within the time a handler may take; while nothing is polled it
//! sleeps, and the next poll wakes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use tracing::{info, warn};

use crate::clock;
use crate::host_error::HostError;
use crate::worker::{Stop, Worker};

/// Looks in a row that find the thread idle before the watchdog sleeps.
const IDLE_LOOKS: u32 = 8;

/// Bits of the word that hold the place of the plugin; the others hold the time.
const PLACE_BITS: u32 = 8;

/// What the shared thread is doing, as others see it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// 0 while nothing is polled; else when the poll began, in microseconds, and whose it is.
    poll: AtomicU64,
    asleep: AtomicBool,
    watchdog: OnceLock<Thread>,
}

impl Watch {
    /// A poll of the plugin at `place` begins; it ends when the result is dropped.
    pub(crate) fn held_by(&self, place: usize) -> Held<'_> {
        let word = (clock::now().max(1) << PLACE_BITS) | (place as u64 & ((1 << PLACE_BITS) - 1));
        // Sequentially consistent, with the watchdog's own store and load: one of the two sees the other.
        self.poll.store(word, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(watchdog) = self.watchdog.get()
        {
            watchdog.unpark();
        }
        Held(self)
    }

    /// The present poll: a number of its own, whose it is, and how long it has taken.
    fn look(&self) -> Option<(u64, usize, Duration)> {
        let word = self.poll.load(Ordering::SeqCst);
        if word == 0 {
            return None;
        }
        let since = word >> PLACE_BITS;
        let place = (word & ((1 << PLACE_BITS) - 1)) as usize;
        Some((
            word,
            place,
            Duration::from_micros(clock::now().saturating_sub(since)),
        ))
    }
}

/// A poll that is under way.
pub(crate) struct Held<'a>(&'a Watch);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.poll.store(0, Ordering::SeqCst);
    }
}

/// Starts the watchdog over the plugins named in `plugins`, warning after `limit` and then each time
/// the thread has been held twice as long.
pub(crate) fn spawn(
    watch: Arc<Watch>,
    plugins: Vec<&'static str>,
    limit: Duration,
) -> Result<Worker, HostError> {
    Worker::spawn("watchdog", move |mut stop| {
        let _ = watch.watchdog.set(thread::current());
        run(&watch, &plugins, limit, &mut stop);
    })
}

fn run(watch: &Watch, plugins: &[&'static str], limit: Duration, stop: &mut Stop) {
    let every = (limit / 2).clamp(Duration::from_millis(2), Duration::from_millis(500));
    let mut warned: Option<(u64, usize, Duration)> = None;
    let mut idle = 0;
    while !stop.is_asked() {
        let found = watch.look();
        if let Some((poll, place, last)) = warned
            && found.is_none_or(|(now, ..)| now != poll)
        {
            let plugin = plugins.get(place).copied().unwrap_or_default();
            info!(
                plugin,
                "plugin {plugin} gave the shared thread back after more than {} ms",
                last.as_millis()
            );
            warned = None;
        }
        match found {
            Some((poll, place, held)) => {
                idle = 0;
                let next = warned.map_or(limit, |(_, _, last)| last * 2);
                if held >= next {
                    let plugin = plugins.get(place).copied().unwrap_or_default();
                    warn!(
                        plugin,
                        "plugin {plugin} has held the shared thread for {} ms: give it a thread of its own \
                         (placement = \"thread\")",
                        held.as_millis()
                    );
                    warned = Some((poll, place, held));
                }
            }
            None => idle += 1,
        }
        if idle < IDLE_LOOKS {
            thread::park_timeout(every);
            continue;
        }
        idle = 0;
        watch.asleep.store(true, Ordering::SeqCst);
        if watch.look().is_none() && !stop.is_asked() {
            thread::park();
        }
        watch.asleep.store(false, Ordering::SeqCst);
    }
}
