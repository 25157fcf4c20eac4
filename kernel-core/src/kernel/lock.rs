//! The lock around the kernel's data, and the handle that erases how big it is.

use core::cell;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use super::{Core, Op, Ticket, Waist};
use crate::fault::Fault;
use crate::id::PluginId;
use crate::time::{Clock, Instant};
use crate::wake::{Woken, wake};

/// The lock around a [`Core`]. The `static` of the [`kernel!`](crate::kernel!) macro implements it
/// with a critical section; a platform with its own mutex implements it over that.
///
/// The kernel never calls `with` inside `with`, and stays inside for a bounded time. It clones and drops wakers
/// inside, and wakes some: an executor's wakers must not come back into the kernel while the thread has the lock.
/// (Those of embassy and tokio never do.) An implementation must run the operation exactly once; if it cannot, the
/// caller is answered "unavailable".
pub trait Cell: Waist {
    /// Runs the operation on the kernel's data, alone.
    fn with(&self, operation: &mut dyn FnMut(&mut Core));
}

impl<C: Cell> Waist for C {
    fn run(
        &self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        let (mut done, mut woken) = (Poll::Ready(Err(Fault::Unavailable)), Woken::new());
        self.with(&mut |core| {
            done = core.run(who, op, ticket, waker, buf);
            core.hand_over(&mut woken);
        });
        wake(woken);
        done
    }

    fn leave(&self, _: PluginId, ticket: Ticket) {
        self.with(&mut |core| core.leave(ticket));
    }

    fn now(&self) -> Instant {
        let mut now = Instant::default();
        self.with(&mut |core| now = core.now());
        now
    }
}

/// The handle to a kernel in memory: two words, free to copy, the same type for every size and lock.
#[derive(Clone, Copy)]
pub struct Kernel(&'static dyn Cell);

impl Kernel {
    /// The handle to the kernel in `cell`.
    pub const fn new(cell: &'static dyn Cell) -> Self {
        Kernel(cell)
    }

    /// The kernel as plugins see it.
    pub fn waist(self) -> &'static dyn Waist {
        self.0
    }

    /// Runs `todo` under the lock; `None` when the lock could not be taken.
    pub(crate) fn with<R>(self, mut todo: impl FnMut(&mut Core) -> R) -> Option<R> {
        let mut result = None;
        self.enter(&mut |core| result = Some(todo(core)));
        result
    }

    /// The one way in for all of them, so that it is in the image once.
    #[cfg_attr(not(feature = "large"), inline(never))]
    fn enter(self, operation: &mut dyn FnMut(&mut Core)) {
        let mut woken = Woken::new();
        self.0.with(&mut |core| {
            operation(core);
            core.hand_over(&mut woken);
        });
        wake(woken);
    }

    /// The platform's time.
    pub fn now(self) -> Instant {
        self.0.now()
    }

    /// Does what is due; the next deadline, `None` when there is none. For a platform whose timekeeping is not
    /// a task; others use [`Kernel::run_timers`].
    pub fn expire(self) -> Option<Instant> {
        self.with(|core| core.expire(None).instant()).flatten()
    }

    /// Keeps the time for ever: `sleep_until` is the platform's own.
    ///
    /// # Cancellation
    /// Deadlines no longer come; run it again to go on.
    pub async fn run_timers<S: Future<Output = ()>>(self, mut sleep_until: impl FnMut(Instant) -> S) {
        loop {
            // Looks at what is due when it is woken by an earlier deadline, or when its own has come.
            let mut sleep = core::pin::pin!(None::<S>);
            let mut asleep_until = None;
            poll_fn(|cx| {
                let next = self
                    .with(|core| core.expire(Some(cx.waker())).instant())
                    .flatten();
                if next != asleep_until {
                    asleep_until = next;
                    sleep.set(next.map(&mut sleep_until));
                }
                match sleep.as_mut().as_pin_mut() {
                    Some(sleep) => sleep.poll(cx),
                    None => Poll::Pending,
                }
            })
            .await;
        }
    }
}

/// A kernel in a `static` and its lock, a critical section: made by the
/// [`kernel!`](crate::kernel!) macro.
pub struct FixedKernel {
    make: fn(Clock) -> Option<&'static mut Core>,
    /// Not there while an operation runs on it.
    core: Mutex<CriticalSectionRawMutex, cell::Cell<Option<&'static mut Core>>>,
}

impl FixedKernel {
    #[doc(hidden)]
    pub const fn new(make: fn(Clock) -> Option<&'static mut Core>) -> Self {
        FixedKernel {
            make,
            core: Mutex::new(cell::Cell::new(None)),
        }
    }

    /// Makes the kernel, with the platform's clock; `None` when it was made already.
    pub fn init(&'static self, clock: Clock) -> Option<Kernel> {
        let made = (self.make)(clock)?;
        self.core.lock(|core| core.set(Some(made)));
        Some(Kernel::new(self))
    }
}

impl Cell for FixedKernel {
    fn with(&self, operation: &mut dyn FnMut(&mut Core)) {
        self.core.lock(|cell| {
            if let Some(core) = cell.take() {
                operation(core);
                cell.set(Some(core));
            }
        });
    }
}
