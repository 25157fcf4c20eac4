//! The time: embassy-time's driver on SysTick, which every Cortex-M has.
//!
//! SysTick interrupts once a millisecond; what is due is woken then. Between two interrupts its
//! counter gives the microseconds.

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::board::{CLOCK_HZ, Parts};

/// Clock cycles in a microsecond, and in a period of SysTick.
const CYCLES_PER_MICRO: u32 = CLOCK_HZ / 1_000_000;
const PERIOD_MICROS: u32 = 1_000;
const PERIOD: u32 = CYCLES_PER_MICRO * PERIOD_MICROS;

/// ICSR: SysTick's interrupt is waiting.
const PENDSTSET: u32 = 1 << 26;

/// Periods that ended.
static MILLIS: AtomicU32 = AtomicU32::new(0);

struct SysTickDriver {
    /// The microseconds of all periods that ended.
    elapsed: Mutex<Cell<u64>>,
    /// When the first task is to be woken.
    next: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: SysTickDriver = SysTickDriver {
    elapsed: Mutex::new(Cell::new(0)),
    next: Mutex::new(Cell::new(u64::MAX)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

/// Starts the time.
pub fn start(parts: &mut Parts) {
    let systick = &mut parts.core.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(PERIOD - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

/// Microseconds since [`start`].
pub fn micros() -> u64 {
    DRIVER.now()
}

/// The kernel's clock: periods since [`start`], a millisecond each.
pub fn now() -> kernel_core::Instant {
    kernel_core::Instant::from_millis(MILLIS.load(Ordering::Relaxed))
}

/// Waits until `at` on the kernel's clock.
pub async fn sleep_until(at: kernel_core::Instant) {
    embassy_time::Timer::after_millis(at.millis_since(now()) as u64).await;
}

impl SysTickDriver {
    /// Wakes what is due and notes what is next.
    fn advance(&self, cs: CriticalSection<'_>) {
        // Borrowed only here, where no interrupt can come in between.
        if let Ok(mut queue) = self.queue.borrow(cs).try_borrow_mut() {
            let next = queue.next_expiration(self.now());
            self.next.borrow(cs).set(next);
        }
    }
}

impl Driver for SysTickDriver {
    fn now(&self) -> u64 {
        critical_section::with(|cs| {
            let mut elapsed = self.elapsed.borrow(cs).get();
            let mut left = SYST::get_current();
            // A period ended that its interrupt has not counted yet; `left` may be from before it.
            if icsr() & PENDSTSET != 0 {
                left = SYST::get_current();
                elapsed = elapsed.wrapping_add(PERIOD_MICROS as u64);
            }
            // The counter stands at zero for the first cycle of a period.
            let cycles = if left == 0 { 0 } else { PERIOD.wrapping_sub(left) };
            elapsed.wrapping_add((cycles / CYCLES_PER_MICRO) as u64)
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let earlier = match self.queue.borrow(cs).try_borrow_mut() {
                Ok(mut queue) => queue.schedule_wake(at, waker),
                Err(_) => false,
            };
            if earlier {
                self.advance(cs);
            }
        });
    }
}

fn icsr() -> u32 {
    // SAFETY: reading this register has no effect.
    unsafe { (*SCB::PTR).icsr.read() }
}

#[exception]
fn SysTick() {
    critical_section::with(|cs| {
        MILLIS.store(MILLIS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let elapsed = DRIVER.elapsed.borrow(cs);
        elapsed.set(elapsed.get().wrapping_add(PERIOD_MICROS as u64));
        if DRIVER.next.borrow(cs).get() <= elapsed.get() {
            DRIVER.advance(cs);
        }
    });
}
