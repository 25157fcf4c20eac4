//! Tasks, of which the seed says who runs next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tests::deep::Rng;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    number: u64,
    woken: Arc<Flag>,
    future: Pin<Box<dyn Future<Output = ()>>>,
    /// It may be dropped at any time, as whoever gives up does.
    may_go: bool,
}

/// The tasks. They are polled when they are woken, so that a wake that is missing shows, and now and then without.
#[derive(Default)]
pub(crate) struct Scheduler {
    tasks: Vec<Task>,
    made: u64,
}

impl Scheduler {
    /// Adds a task; its number.
    pub(crate) fn spawn(&mut self, may_go: bool, future: impl Future<Output = ()> + 'static) -> u64 {
        self.made += 1;
        self.tasks.push(Task {
            number: self.made,
            woken: Arc::new(Flag(AtomicBool::new(true))),
            future: Box::pin(future),
            may_go,
        });
        self.made
    }

    fn woken(&self) -> Vec<usize> {
        let woken = |place: &usize| self.tasks[*place].woken.0.load(Ordering::Relaxed);
        (0..self.tasks.len()).filter(woken).collect()
    }

    /// True when the task has something to do.
    pub(crate) fn is_woken(&self, number: u64) -> bool {
        let task = self.tasks.iter().find(|task| task.number == number);
        task.is_some_and(|task| task.woken.0.load(Ordering::Relaxed))
    }

    /// True while it has not ended.
    pub(crate) fn is_there(&self, number: u64) -> bool {
        self.tasks.iter().any(|task| task.number == number)
    }

    /// Polls one that is woken; false when there is none.
    pub(crate) fn run_one(&mut self, rng: &mut Rng) -> bool {
        let woken = self.woken();
        if woken.is_empty() {
            return false;
        }
        self.poll(*rng.pick(&woken));
        true
    }

    /// Polls any, also one that nobody woke.
    pub(crate) fn disturb(&mut self, rng: &mut Rng) {
        let place = rng.below(self.tasks.len() as u64) as usize;
        self.poll(place);
    }

    fn poll(&mut self, place: usize) {
        let Some(task) = self.tasks.get_mut(place) else {
            return;
        };
        task.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(task.woken.clone());
        if task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            self.tasks.remove(place);
        }
    }

    /// Drops one of those that may go.
    pub(crate) fn drop_one(&mut self, rng: &mut Rng) {
        let may_go = |place: &usize| self.tasks[*place].may_go;
        let places: Vec<usize> = (0..self.tasks.len()).filter(may_go).collect();
        if !places.is_empty() {
            drop(self.tasks.remove(*rng.pick(&places)));
        }
    }

    /// Drops all that may go.
    pub(crate) fn drop_all(&mut self) {
        self.tasks.retain(|task| !task.may_go);
    }
}
