//! A plugin as a task of the pool: it is its own waker.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use super::{SEAT, Shared, locked};
use crate::execute::{self, Job, Present};
use crate::plugins::Movable;

/// A plugin.
pub(crate) struct Task {
    pool: Arc<Shared>,
    pub(crate) job: Job,
    pub(crate) present: Arc<Present>,
    state: AtomicU8,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

/// States of a task: nothing to do; in a queue; being polled; being polled, and woken meanwhile.
const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
const WOKEN: u8 = 3;

impl Task {
    pub(super) fn new(pool: Arc<Shared>, job: Job, live: Movable) -> Arc<Task> {
        let present = Arc::new(Present::default());
        let lives = {
            let present = present.clone();
            async move { execute::anywhere(job, live, &present).await }
        };
        Arc::new(Task {
            pool,
            job,
            present,
            state: AtomicU8::new(QUEUED),
            future: Mutex::new(Some(Box::pin(lives))),
        })
    }

    /// Its slot in the kernel.
    pub(super) fn place(&self) -> usize {
        self.job.installed.index()
    }

    /// Polls it once, on a thread of the pool.
    pub(super) fn run(self: &Arc<Self>) {
        self.state.store(RUNNING, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let mut future = locked(&self.future);
        let Some(polled) = future.as_mut() else { return };
        let ended = polled.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if ended {
            drop(future);
            return self.discard();
        }
        drop(future);
        let idle = self
            .state
            .compare_exchange(RUNNING, IDLE, Ordering::SeqCst, Ordering::SeqCst);
        if idle.is_err() {
            self.state.store(QUEUED, Ordering::SeqCst);
            self.pool.push(self.clone());
        }
    }

    /// Drops the plugin, unless it is being polled: then whoever polls it does.
    pub(super) fn discard(&self) {
        let future = match self.future.try_lock() {
            Ok(mut future) => future.take(),
            Err(_) => None,
        };
        // Whatever a plugin does when it is dropped, the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }

    /// Where the task goes when it is woken: it is the next one on a thread whose plugin woke it.
    fn schedule(self: Arc<Self>) {
        let pool = self.pool.id();
        let mut task = Some(self);
        let _ = SEAT.try_with(|seat| {
            if let Ok(seat) = seat.try_borrow()
                && let Some(seat) = seat.as_ref()
                && seat.pool == pool
            {
                let mut next = locked(&seat.next);
                if next.task.is_none() && !next.replaced {
                    next.task = task.take();
                }
            }
        });
        if let Some(task) = task {
            let pool = task.pool.clone();
            pool.push(task);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = self
            .state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| match state {
                IDLE => Some(QUEUED),
                RUNNING => Some(WOKEN),
                _ => None,
            });
        if woken == Ok(IDLE) {
            self.clone().schedule();
        }
    }
}
