//! Whom an operation wakes: gathered under the lock, woken once it is free, so that a task that runs at once does not
//! find the lock taken.

use core::task::Waker;

use heapless::Vec;

use crate::id::PluginSet;

/// How many tasks of one operation are woken outside the lock; more are woken inside. On a chip all are: its lock is a
/// critical section, in which no task runs.
const OUTSIDE: usize = if cfg!(feature = "large") { 4 } else { 0 };

/// The wakers of tasks that are to be woken now that the lock is free.
pub(crate) type Woken = Vec<Waker, OUTSIDE>;

/// Whom the present operation wakes.
pub(crate) struct Wakes {
    /// Plugins, whose wakers are looked up at the end.
    pub(crate) plugins: PluginSet,
    tasks: Woken,
}

impl Wakes {
    pub(crate) const fn new() -> Self {
        Wakes {
            plugins: PluginSet::EMPTY,
            tasks: Vec::new(),
        }
    }

    /// Wakes a task.
    #[inline]
    pub(crate) fn task(&mut self, waker: &Waker) {
        add(&mut self.tasks, waker);
    }

    /// Hands the other tasks over to whoever holds the lock.
    #[inline]
    pub(crate) fn hand_over(&mut self, to: &mut Woken) {
        if cfg!(feature = "large") {
            while let Some(task) = self.tasks.pop() {
                if let Err(task) = to.push(task) {
                    task.wake();
                }
            }
        }
    }
}

/// Adds a task to those that are to be woken without the lock, or wakes it now.
#[inline]
pub(crate) fn add(to: &mut Woken, waker: &Waker) {
    if !cfg!(feature = "large") || to.is_full() {
        waker.wake_by_ref();
    } else {
        // It is not full.
        let _ = to.push(waker.clone());
    }
}

/// Wakes all of them; the lock must be free.
#[inline]
pub(crate) fn wake(mut tasks: Woken) {
    if cfg!(feature = "large") {
        while let Some(task) = tasks.pop() {
            task.wake();
        }
    }
}
