//! The executor: tasks that are polled when they are woken, in their order, and a clock that is turned where
//! nothing else moves.

use std::boxed::Box;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use std::vec::Vec;

use kernel_core::{Instant, Kernel};

use super::{kernel::Heap, under_way};

/// Rounds of polls after which plugins are said to wake each other for ever.
const MOST_ROUNDS: u32 = 100_000;

struct Flag(AtomicBool);

impl Flag {
    fn new() -> Arc<Flag> {
        Arc::new(Flag(AtomicBool::new(true)))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Task = (Arc<Flag>, Pin<Box<dyn Future<Output = ()>>>);

pub(super) struct Tasks {
    clock: &'static Heap,
    all: Vec<Task>,
}

impl Tasks {
    pub(super) fn new(clock: &'static Heap) -> Tasks {
        Tasks {
            clock,
            all: Vec::new(),
        }
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.all.push((Flag::new(), Box::pin(task)));
    }

    /// Polls whoever is woken until nobody is, and no thread is at work.
    pub(super) fn settle(&mut self) {
        for _ in 0..MOST_ROUNDS {
            if !self.is_woken() && !under_way::wait() {
                return;
            }
            for (flag, task) in &mut self.all {
                if flag.take() {
                    let waker = Waker::from(flag.clone());
                    // The plugins' tasks run for ever.
                    let _ = task.as_mut().poll(&mut Context::from_waker(&waker));
                }
            }
        }
        panic!("the plugins wake each other for ever");
    }

    fn is_woken(&self) -> bool {
        self.all.iter().any(|(flag, _)| flag.is_set())
    }

    /// Runs `future` together with the plugins until it is done. Where nothing else moves, the clock goes on to
    /// what is waited for.
    pub(super) fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        let kernel = Kernel::new(self.clock);
        let mut future = pin!(future);
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        for _ in 0..MOST_ROUNDS {
            while flag.take() {
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return value;
                }
                self.settle();
            }
            self.settle();
            if flag.is_set() {
                continue;
            }
            let next = kernel.expire().map(Instant::as_micros);
            if flag.is_set() || self.is_woken() {
                continue;
            }
            let Some(next) = next else {
                panic!("a plugin waits for something outside of the runtime: there is no reactor here");
            };
            self.clock.set_now(self.clock.now().max(next));
            kernel.expire();
        }
        panic!("it is never done");
    }

    /// Lets `span` go by, from one deadline to the next.
    pub(super) fn pass(&mut self, span: Duration) {
        let kernel = Kernel::new(self.clock);
        let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let end = self.clock.now().saturating_add(span);
        loop {
            self.settle();
            kernel.expire();
            self.settle();
            let now = self.clock.now();
            if now >= end {
                return;
            }
            let next = kernel.expire().map_or(end, Instant::as_micros);
            self.clock.set_now(next.clamp(now + 1, end));
        }
    }
}
