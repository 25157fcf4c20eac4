//! The executor of the comparisons on one thread: ours and the peers run on the same one.
//!
//! It is as small as an executor can be, a set of bits that say which task was woken, so that what is
//! measured is the work and not the executor: every one with queues, budgets and a reactor would add the
//! same to both sides and move each ratio towards 1.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

const WORDS: usize = 16;

/// The most tasks; one more place is the root's.
pub(super) const MAX_TASKS: usize = WORDS * 64 - 1;

/// One bit for each task that was woken; the first is the root's.
#[derive(Default)]
struct Ready {
    words: [AtomicU64; WORDS],
}

impl Ready {
    fn take_root(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| word.fetch_and(!1, Ordering::AcqRel) & 1 != 0)
    }
}

struct Flag {
    ready: Arc<Ready>,
    word: usize,
    bit: u64,
}

impl Flag {
    fn waker(ready: &Arc<Ready>, place: usize) -> Waker {
        Waker::from(Arc::new(Flag {
            ready: ready.clone(),
            word: place / 64,
            bit: 1 << (place % 64),
        }))
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(word) = self.ready.words.get(self.word) {
            word.fetch_or(self.bit, Ordering::Release);
        }
    }
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// Tasks of one thread.
pub(super) struct Tasks {
    ready: Arc<Ready>,
    root: Waker,
    tasks: Vec<Task>,
}

impl Default for Tasks {
    fn default() -> Self {
        let ready = Arc::new(Ready::default());
        Tasks {
            root: Flag::waker(&ready, 0),
            ready,
            tasks: Vec::new(),
        }
    }
}

impl Tasks {
    /// Adds a task, which runs for the first time at the next [`Tasks::run`].
    ///
    /// # Errors
    /// When there are [`MAX_TASKS`] already.
    pub(super) fn spawn(&mut self, future: impl Future<Output = ()> + 'static) -> Result<(), String> {
        if self.tasks.len() >= MAX_TASKS {
            return Err(format!("the executor has room for {MAX_TASKS} tasks"));
        }
        let waker = Flag::waker(&self.ready, self.tasks.len() + 1);
        waker.wake_by_ref();
        self.tasks.push(Task {
            future: Box::pin(future),
            waker,
        });
        Ok(())
    }

    /// Runs whoever was woken until nobody is.
    pub(super) fn run(&mut self) {
        run(&self.ready, &mut self.tasks);
    }

    /// Runs `future` to its end, and the tasks while it waits.
    pub(super) fn finish<F: Future>(&mut self, future: F) -> F::Output {
        let Tasks { ready, root, tasks } = self;
        let mut future = pin!(future);
        let mut cx = Context::from_waker(root);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            run(ready, tasks);
            while !ready.take_root() {
                // Another thread is at work for it.
                thread::yield_now();
                run(ready, tasks);
            }
        }
    }
}

fn run(ready: &Ready, tasks: &mut [Task]) {
    loop {
        let mut idle = true;
        for (index, word) in ready.words.iter().enumerate() {
            // The root's bit stays for `finish`.
            let of_tasks = if index == 0 { !1 } else { !0 };
            if word.load(Ordering::Acquire) & of_tasks == 0 {
                continue;
            }
            let mut woken = word.fetch_and(!of_tasks, Ordering::AcqRel) & of_tasks;
            while woken != 0 {
                let place = index * 64 + woken.trailing_zeros() as usize;
                woken &= woken - 1;
                if let Some(task) = tasks.get_mut(place - 1) {
                    idle = false;
                    // A task that ended is not woken again: nobody has its waker any more.
                    let _: Poll<()> = task.future.as_mut().poll(&mut Context::from_waker(&task.waker));
                }
            }
        }
        if idle {
            return;
        }
    }
}

/// A count that the tasks of one thread share.
#[derive(Clone, Default)]
pub(super) struct Count(Rc<Cell<u64>>);

impl Count {
    /// One more.
    pub(super) fn add(&self) {
        self.0.set(self.0.get().wrapping_add(1));
    }

    /// How many.
    pub(super) fn get(&self) -> u64 {
        self.0.get()
    }
}
