//! Deadlines: one table of waiting tasks, and one alarm for whoever keeps the time.
//!
//! The kernel has no timer of its own. Every deadline is data in the slot it belongs to; the
//! platform runs [`Kernel::run_timers`], which sleeps until the earliest one and lets the kernel
//! do what is due. A deadline that is met costs nothing: the alarm only ever moves when an earlier
//! deadline comes up.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::fixed::Empty;
use crate::kernel::{Core, Kernel, keep_waker};
use crate::table::linkable;
use crate::time::{Instant, micros};

/// What a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    /// Nothing: the place is free.
    Nothing,
    /// A moment only.
    Time,
    /// Room on the bus.
    Space,
    /// A change in the lifecycle of some plugin.
    Lifecycle,
}

/// A waiting task: opaque memory of a kernel.
#[derive(Debug)]
pub struct WaitSlot {
    on: On,
    deadline: u64,
    waker: Option<Waker>,
}

impl Empty for WaitSlot {
    const EMPTY: Self = WaitSlot {
        on: On::Nothing,
        deadline: 0,
        waker: None,
    };
}

pub(crate) struct Timers {
    waits: &'static mut [WaitSlot],
    /// One place more, so that starting up and shutting down never lack one.
    reserved: WaitSlot,
    alarm: u64,
    keeper: Option<Waker>,
}

impl Timers {
    pub(crate) fn new(waits: &'static mut [WaitSlot]) -> Self {
        Timers {
            // The place after the last is the reserved one.
            waits: linkable(waits),
            reserved: WaitSlot::EMPTY,
            alarm: u64::MAX,
            keeper: None,
        }
    }

    /// A place; the one after the last of `waits` is the reserved one.
    #[inline(never)]
    fn place(&mut self, index: usize) -> Option<&mut WaitSlot> {
        if index == self.waits.len() {
            return Some(&mut self.reserved);
        }
        self.waits.get_mut(index)
    }

    /// A free place; the reserved one only where it is `reserved` for.
    fn free(&self, reserved: bool) -> Option<u16> {
        let spare = reserved && self.reserved.on == On::Nothing;
        self.waits
            .iter()
            .position(|wait| wait.on == On::Nothing)
            .or(spare.then_some(self.waits.len()))
            .map(|index| index as u16)
    }

    pub(crate) fn usage(&self) -> (usize, usize) {
        (
            self.waits.iter().filter(|wait| wait.on != On::Nothing).count(),
            self.waits.len(),
        )
    }
}

/// Why a wait ended without what was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline passed.
    Timeout,
    /// The `waits` capacity is used up; its size.
    Full {
        /// The size of the `waits` capacity.
        capacity: usize,
    },
}

impl WaitError {
    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            WaitError::Timeout => "timeout",
            WaitError::Full { .. } => "full",
        }
    }
}

impl core::fmt::Display for WaitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            WaitError::Timeout => f.write_str("the deadline passed"),
            WaitError::Full { capacity } => write!(
                f,
                "{capacity} tasks are waiting already: raise the capacity `waits`, or wait for fewer things at once"
            ),
        }
    }
}

impl core::error::Error for WaitError {}

impl Core {
    /// Notes a deadline; wakes the timekeeper when it is earlier than what it sleeps for.
    pub(crate) fn arm(&mut self, deadline: u64) {
        if deadline < self.timers.alarm {
            self.timers.alarm = deadline;
            let keeper = self.timers.keeper.take();
            self.wake(keeper);
        }
    }

    /// Wakes every task that waits for `on`.
    pub(crate) fn wake_waiting(&mut self, on: On) {
        for index in 0..=self.timers.waits.len() {
            if let Some(wait) = self.timers.place(index)
                && wait.on == on
            {
                let waker = wait.waker.take();
                self.wake(waker);
            }
        }
    }

    /// Does what is due and gives the next deadline.
    fn expire(&mut self) -> u64 {
        let now = self.now();
        self.timers.alarm = u64::MAX;
        let mut next = self.expire_calls(now);
        next = next.min(self.expire_plugins(now));
        next = next.min(self.expire_state(now));
        for index in 0..=self.timers.waits.len() {
            let Some(wait) = self.timers.place(index) else {
                break;
            };
            if wait.on == On::Nothing {
                continue;
            }
            if wait.deadline <= now {
                let waker = wait.waker.take();
                self.wake(waker);
            } else {
                next = next.min(wait.deadline);
            }
        }
        self.timers.alarm = self.timers.alarm.min(next);
        self.timers.alarm
    }
}

impl Kernel {
    /// Does everything that is due by now (late calls, hooks and waits, restarts, expired state)
    /// and gives the moment it wants to be called again. [`Kernel::run_timers`] does this in time.
    pub fn expire(self) -> Instant {
        Instant::from_micros(self.with(|core| Some(core.expire())).unwrap_or(u64::MAX))
    }

    /// The kernel's timekeeper: runs for ever, sleeping by `sleep_until` (for instance
    /// `|at| embassy_time::Timer::at(..)`). Exactly one of it must run.
    ///
    /// # Cancellation
    /// While it does not run, no deadline is kept; start it again and what is due is done then.
    pub async fn run_timers<F: Future<Output = ()>>(self, mut sleep_until: impl FnMut(Instant) -> F) {
        loop {
            let next = self.expire();
            let mut sleep = pin!(sleep_until(next));
            poll_fn(|cx| {
                let earlier = self.with(|core| {
                    keep_waker(&mut core.timers.keeper, cx.waker());
                    Some(core.timers.alarm < next.as_micros())
                });
                match earlier {
                    Some(true) => Poll::Ready(()),
                    _ => sleep.as_mut().poll(cx),
                }
            })
            .await;
        }
    }

    /// The platform's time.
    pub fn now(self) -> Instant {
        Instant::from_micros(self.with(|core| Some(core.now())).unwrap_or(0))
    }

    /// Waits for `span`.
    ///
    /// # Errors
    /// [`WaitError::Full`] when the capacity `waits` is used up.
    ///
    /// # Cancellation
    /// Dropping it gives its place back; nothing else happened.
    pub async fn sleep(self, span: Duration) -> Result<(), WaitError> {
        let until = self.now().after(span);
        match self.wait(On::Time, until.as_micros(), |_| None::<()>).await {
            Err(WaitError::Timeout) | Ok(()) => Ok(()),
            Err(full) => Err(full),
        }
    }

    /// Waits until `check` gives a value, looking again whenever `on` happens, at most until
    /// `deadline` (microseconds on the clock).
    pub(crate) fn wait<R, F: FnMut(&mut Core) -> Option<R>>(
        self,
        on: On,
        deadline: u64,
        check: F,
    ) -> Waiting<F> {
        Waiting {
            check,
            deadline,
            place: Place::new(self, on),
        }
    }

    /// [`Kernel::wait`] for starting up and shutting down, which have a place reserved.
    pub(crate) fn wait_reserved<R, F: FnMut(&mut Core) -> Option<R>>(
        self,
        on: On,
        deadline: u64,
        check: F,
    ) -> Waiting<F> {
        let mut waiting = self.wait(on, deadline, check);
        waiting.place.reserved = true;
        waiting
    }

    /// The deadline `span` from now, in microseconds on the clock.
    pub(crate) fn deadline(self, span: Duration) -> u64 {
        self.now().as_micros().saturating_add(micros(span))
    }
}

/// See [`Kernel::wait`]. A struct rather than an `async fn`, which keeps what it is given twice.
pub(crate) struct Waiting<F> {
    check: F,
    deadline: u64,
    place: Place,
}

impl<R, F: FnMut(&mut Core) -> Option<R> + Unpin> Future for Waiting<F> {
    type Output = Result<R, WaitError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = self.get_mut();
        let mut value = None;
        let mut look = |core: &mut Core| {
            value = (waiting.check)(core);
            value.is_some()
        };
        let over = waiting.place.poll(waiting.deadline, task.waker(), &mut look);
        match (value, over) {
            (Some(value), _) => Poll::Ready(Ok(value)),
            (None, Some(error)) => Poll::Ready(Err(error)),
            (None, None) => Poll::Pending,
        }
    }
}

/// Looks whether a wait is over. (A trait of its own, because the table of a `dyn FnMut` holds every
/// closure twice, once by value.)
trait Check {
    fn is_over(&mut self, core: &mut Core) -> bool;
}

impl<F: FnMut(&mut Core) -> bool> Check for F {
    fn is_over(&mut self, core: &mut Core) -> bool {
        self(core)
    }
}

/// A place in the table of waits, given back when dropped.
pub(crate) struct Place {
    pub(crate) kernel: Kernel,
    index: Option<u16>,
    on: On,
    reserved: bool,
}

impl Place {
    pub(crate) fn new(kernel: Kernel, on: On) -> Place {
        Place {
            kernel,
            index: None,
            on,
            reserved: false,
        }
    }

    /// The task waits on until `deadline`, or the error that ends the wait.
    #[inline(never)]
    pub(crate) fn hold(&mut self, core: &mut Core, deadline: u64, waker: &Waker) -> Option<WaitError> {
        if core.now() >= deadline {
            return Some(WaitError::Timeout);
        }
        let timers = &mut core.timers;
        let Some(index) = self.index.or_else(|| timers.free(self.reserved)) else {
            return Some(WaitError::Full {
                capacity: timers.waits.len(),
            });
        };
        self.index = Some(index);
        if let Some(slot) = timers.place(index as usize) {
            slot.on = self.on;
            slot.deadline = deadline;
            keep_waker(&mut slot.waker, waker);
        }
        core.arm(deadline);
        None
    }

    /// True once it has waited.
    pub(crate) fn is_held(&self) -> bool {
        self.index.is_some()
    }

    /// Waits no more.
    pub(crate) fn leave(&mut self) {
        let Some(index) = self.index.take() else { return };
        self.kernel.with(|core| {
            if let Some(wait) = core.timers.place(index as usize) {
                *wait = WaitSlot::EMPTY;
            }
        });
    }

    /// One look of the task that waits, the same whatever it waits for: the error that ends the wait.
    #[inline(never)]
    fn poll(&mut self, deadline: u64, waker: &Waker, check: &mut dyn Check) -> Option<WaitError> {
        self.kernel.with(|core| {
            if check.is_over(core) {
                return None;
            }
            self.hold(core, deadline, waker)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
