//! Counting instructions.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use mcu::board::cycle_counter;
use mcu::check;

/// Repetitions of each measurement, beside a few before it.
const ROUNDS: u32 = 64;
const WARM_UP: u32 = 4;

/// With `-icount shift=6` an instruction takes 64 ns of virtual time, and a tick of the counter 40.
const fn instructions(ticks: u32) -> u32 {
    ticks * 40 / 64
}

/// The instructions of one run of `work`, on average.
pub(crate) fn count(work: impl FnMut()) -> u32 {
    count_before(work, || {})
}

/// The same, with something that is not counted after each run.
pub(crate) fn count_before(work: impl FnMut(), after: impl FnMut()) -> u32 {
    measure(work, after).saturating_sub(measure(|| {}, || {}))
}

fn measure(mut work: impl FnMut(), mut after: impl FnMut()) -> u32 {
    let mut spent = 0u32;
    for round in 0..WARM_UP + ROUNDS {
        let start = cycle_counter();
        work();
        let end = cycle_counter();
        after();
        if round >= WARM_UP {
            spent += end.wrapping_sub(start);
        }
    }
    instructions(spent) / ROUNDS
}

/// The value of a future that is ready at once, or after it gave way to others once.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return value;
        }
    }
    check::fail(format_args!("something that should be ready is not"))
}
