//! The threads that plugins share: each runs whatever plugin is ready, and one that is held up is made up for.
//!
//! ```text
//! plugin is woken ──▶ by a plugin: the next one on that plugin's thread, without a change of threads
//!                     by others:   the queue ──▶ a thread that is idle
//! watchdog ─────────▶ a thread that one plugin has held since the last look: what is next there goes to the queue,
//!                     and another thread takes its place; it ends when it comes back
//!                     a plugin that is held beyond the end of its life: the next life gets a thread of its own
//! ```
//!
//! It is no work-stealing runtime such as tokio's: there a blocked worker keeps the task that is next on it, which
//! nobody may steal, and nobody makes up for the worker.

mod task;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Instant;

use tokio::runtime::Handle;
use tracing::error;

use crate::execute::Job;
use crate::host_error::HostError;
use crate::plugins::Movable;
use crate::worker::{Ended, Worker};

use task::Task;

/// Plugins that wake one another run this often in a row on one thread before the others have their turn.
const STREAK: u32 = 16;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads and their plugins.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    /// Threads that are not held up.
    wanted: usize,
    reactor: Handle,
    watchdog: OnceLock<Thread>,
    watchdog_sleeps: AtomicBool,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Arc<Task>>,
    /// All, until the end: the future of a task must never be dropped by one of its wakers, inside the kernel.
    tasks: Vec<Arc<Task>>,
    seats: Vec<Arc<Seat>>,
    threads: Vec<Worker>,
    idle: usize,
    made: usize,
    stopping: bool,
}

/// One thread's place.
pub(crate) struct Seat {
    /// Which pool it belongs to.
    pool: usize,
    /// Polls that have begun, with the place of the plugin; zero at the low end between polls.
    turn: AtomicU64,
    next: Mutex<Next>,
}

/// What runs next on a thread.
#[derive(Default)]
struct Next {
    task: Option<Arc<Task>>,
    /// Another thread has taken this one's place.
    replaced: bool,
}

/// Bits of a seat's turn for the place of the plugin, from 1.
const PLACE_BITS: u32 = 8;

thread_local! {
    static SEAT: RefCell<Option<Arc<Seat>>> = const { RefCell::new(None) };
}

impl Pool {
    /// A pool of `wanted` threads, on which plugins find `reactor` for their I/O and timers.
    pub(crate) fn new(wanted: usize, reactor: Handle) -> Result<Pool, HostError> {
        let pool = Pool(Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            wanted,
            reactor,
            watchdog: OnceLock::new(),
            watchdog_sleeps: AtomicBool::new(false),
        }));
        for _ in 0..wanted {
            pool.add_thread()?;
        }
        Ok(pool)
    }

    fn add_thread(&self) -> Result<(), HostError> {
        let seat = Arc::new(Seat {
            pool: self.0.id(),
            turn: AtomicU64::new(0),
            next: Mutex::default(),
        });
        let number = {
            let mut queue = locked(&self.0.queue);
            queue.made = queue.made.wrapping_add(1);
            queue.seats.push(seat.clone());
            queue.made
        };
        let shared = self.0.clone();
        let worker = Worker::spawn(&format!("plugins-{number}"), {
            let seat = seat.clone();
            move |_| work(&shared, &seat)
        });
        let mut queue = locked(&self.0.queue);
        match worker {
            Ok(worker) => {
                queue.threads.retain(Worker::is_running);
                queue.threads.push(worker);
            }
            Err(cause) => {
                queue.seats.retain(|other| !Arc::ptr_eq(other, &seat));
                return Err(cause);
            }
        }
        Ok(())
    }

    /// Runs a plugin here from now on.
    pub(crate) fn add(&self, job: Job, live: Movable) {
        let task = Task::new(self.0.clone(), job, live);
        locked(&self.0.queue).tasks.push(task.clone());
        self.0.push(task);
    }

    /// What each thread is in the middle of: a number that changes with each poll, and the plugin.
    pub(crate) fn polls(&self) -> Vec<(Arc<Seat>, u64, Arc<Task>)> {
        let queue = locked(&self.0.queue);
        let polls = queue.seats.iter().filter_map(|seat| {
            let turn = seat.turn.load(Ordering::SeqCst);
            let place = (turn & ((1 << PLACE_BITS) - 1)).checked_sub(1)?;
            let task = queue.tasks.iter().find(|task| task.place() == place as usize)?;
            Some((seat.clone(), turn, task.clone()))
        });
        polls.collect()
    }

    /// Lets another thread take the place of one that is held up.
    pub(crate) fn replace(&self, seat: &Seat) {
        let task = {
            let mut next = locked(&seat.next);
            if std::mem::replace(&mut next.replaced, true) {
                return;
            }
            next.task.take()
        };
        if let Some(task) = task {
            self.0.push(task);
        }
        let (present, stopping) = {
            let queue = locked(&self.0.queue);
            (queue.present(), queue.stopping)
        };
        if present < self.0.wanted
            && !stopping
            && let Err(cause) = self.add_thread()
        {
            error!("a thread that a plugin holds up could not be made up for: {cause}");
        }
    }

    /// The watchdog runs on this thread.
    pub(crate) fn watched_by(&self, watchdog: Thread) {
        let _ = self.0.watchdog.set(watchdog);
    }

    /// Says that the watchdog sleeps until something is polled.
    pub(crate) fn watchdog_sleeps(&self, sleeps: bool) {
        self.0.watchdog_sleeps.store(sleeps, Ordering::SeqCst);
    }

    /// Asks the threads to end, and drops the plugins.
    pub(crate) fn ask(&self) {
        locked(&self.0.queue).stopping = true;
        self.0.ready.notify_all();
    }

    /// Waits for the threads to end; the names of those that did not.
    pub(crate) fn join_until(&self, deadline: Instant) -> Vec<String> {
        self.ask();
        let threads = std::mem::take(&mut locked(&self.0.queue).threads);
        let running = threads.into_iter().filter_map(|thread| {
            let name = thread.name().to_owned();
            (thread.join_until(deadline) == Ended::StillRunning).then_some(name)
        });
        running.collect()
    }
}

impl Queue {
    /// Threads that are not held up.
    fn present(&self) -> usize {
        self.seats
            .iter()
            .filter(|seat| !locked(&seat.next).replaced)
            .count()
    }
}

impl Shared {
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    /// Puts a task into the queue.
    fn push(&self, task: Arc<Task>) {
        let mut queue = locked(&self.queue);
        queue.ready.push_back(task);
        let idle = queue.idle > 0;
        drop(queue);
        if idle {
            self.ready.notify_one();
        }
    }

    /// What the thread of this seat runs next; `None` when it is to end.
    fn next(&self, seat: &Seat, streak: &mut u32) -> Option<Arc<Task>> {
        let own = locked(&seat.next).task.take();
        if own.is_some() && *streak < STREAK {
            *streak = streak.wrapping_add(1);
            return own;
        }
        *streak = 0;
        let mut queue = locked(&self.queue);
        queue.ready.extend(own);
        loop {
            if queue.stopping {
                return None;
            }
            if let Some(task) = queue.ready.pop_front() {
                if queue.idle > 0 && !queue.ready.is_empty() {
                    self.ready.notify_one();
                }
                return Some(task);
            }
            queue.idle = queue.idle.wrapping_add(1);
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle = queue.idle.wrapping_sub(1);
        }
    }

    /// Whether the thread of this seat goes on after a poll: not when there are enough without it.
    fn goes_on(&self, seat: &Arc<Seat>) -> bool {
        if !locked(&seat.next).replaced {
            return true;
        }
        let mut queue = locked(&self.queue);
        if queue.present() >= self.wanted {
            queue.seats.retain(|other| !Arc::ptr_eq(other, seat));
            return false;
        }
        locked(&seat.next).replaced = false;
        true
    }
}

/// What a thread of the pool does.
fn work(shared: &Arc<Shared>, seat: &Arc<Seat>) {
    let _reactor = shared.reactor.enter();
    SEAT.set(Some(seat.clone()));
    let (mut streak, mut polls, mut last) = (0, 0u64, None::<Arc<Task>>);
    while let Some(task) = shared.next(seat, &mut streak) {
        polls = polls.wrapping_add(1);
        let place = task.place().saturating_add(1) as u64 & ((1 << PLACE_BITS) - 1);
        seat.turn.store((polls << PLACE_BITS) | place, Ordering::SeqCst);
        // One of the two sees the other: the watchdog stores before it looks at the turns.
        if shared.watchdog_sleeps.load(Ordering::SeqCst)
            && let Some(watchdog) = shared.watchdog.get()
        {
            watchdog.unpark();
        }
        task.run();
        seat.turn.store(0, Ordering::SeqCst);
        last = Some(task);
        if !shared.goes_on(seat) {
            break;
        }
    }
    SEAT.set(None);
    // At the end whoever comes first drops what is left. Plugins may hold what wants the reactor then.
    loop {
        let task = {
            let mut queue = locked(&shared.queue);
            if !queue.stopping {
                return;
            }
            last.take().or_else(|| queue.tasks.pop())
        };
        match task {
            Some(task) => task.discard(),
            None => return,
        }
    }
}
