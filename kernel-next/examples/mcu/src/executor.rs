//! Embassy's executor with an idle loop that sleeps.
//!
//! The one that comes with the crate waits by WFE, on which the emulator does not sleep.

use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

/// Some task is to be polled.
static PENDING: AtomicBool = AtomicBool::new(true);

/// Called by the executor when a task was woken.
#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    PENDING.store(true, Ordering::Release);
}

/// Lets `init` spawn the first tasks and runs them for ever. The interrupts are on from here.
pub fn run(init: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor = EXECUTOR.init(raw::Executor::new(core::ptr::null_mut()));
    init(executor.spawner());
    loop {
        PENDING.store(false, Ordering::Release);
        // SAFETY: this is the only caller of `poll`, and it is not called from within it.
        unsafe { executor.poll() };
        cortex_m::interrupt::disable();
        // An interrupt that comes after the look is pending then, and ends the sleep all the same.
        if !PENDING.load(Ordering::Acquire) {
            cortex_m::asm::wfi();
        }
        // SAFETY: nothing here relies on them being off.
        unsafe { cortex_m::interrupt::enable() };
    }
}
