//! A kernel on the heap, a clock that a test turns by hand, and the smallest executor there is.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::Cell as StdCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kernel_core::parts::Empty;
use kernel_core::{Capacities, Cell, Core, CoreRuntime, Kernel, Memory, Parts};

thread_local! {
    static NOW: StdCell<u64> = const { StdCell::new(1_000_000) };
}

/// The clock of this thread's kernels, in microseconds.
pub fn now() -> u64 {
    NOW.get()
}

/// Turns the clock.
pub fn advance(span: Duration) {
    NOW.set(NOW.get() + span.as_micros() as u64);
}

struct Leak;

impl Memory for Leak {
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T] {
        Box::leak((0..len).map(|_| T::EMPTY).collect())
    }

    fn bytes(&mut self, len: usize) -> &'static mut [u8] {
        Box::leak(vec![0; len].into_boxed_slice())
    }
}

struct Heap(Mutex<Core>);

impl Cell for Heap {
    fn with(&self, f: &mut dyn FnMut(&mut Core)) {
        f(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

/// A kernel of this size, with the clock of this thread.
pub fn kernel(capacities: &Capacities) -> Kernel {
    let core = Core::new(Parts::allocate(capacities, &mut Leak), now);
    Kernel::new(Box::leak(Box::new(Heap(Mutex::new(core)))))
}

/// A runtime of this size.
pub fn runtime(capacities: &Capacities) -> CoreRuntime {
    CoreRuntime::new(kernel(capacities))
}

/// Tasks that are polled in turn until nothing moves.
#[derive(Default)]
pub struct Tasks(Vec<Pin<Box<dyn Future<Output = ()>>>>);

impl Tasks {
    /// Adds a task.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.0.push(Box::pin(task));
    }

    /// Polls every task, several rounds: what one does wakes another.
    pub fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..20 {
            self.0.retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
        }
    }

    /// Runs `future` together with the tasks, and the kernel's deadlines, until it is done. The
    /// clock is turned to the next deadline whenever nothing else moves.
    pub fn run<T>(&mut self, kernel: Kernel, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            for _ in 0..20 {
                if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                    return value;
                }
                self.settle();
            }
            let next = kernel.expire().as_micros();
            if next != u64::MAX {
                NOW.set(now().max(next));
            }
            kernel.expire();
        }
        panic!("the future is never done");
    }
}
