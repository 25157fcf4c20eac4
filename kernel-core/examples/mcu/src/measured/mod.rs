//! The firmware whose size is measured: the same program without the kernel and with it.
//!
//! Both have the executor, the time, the serial line, and the tasks and buffers of the application: one
//! that keeps the time, one that does something every second, one on the line. Neither reads JSON of
//! its own.

#[cfg(feature = "measured-kernel")]
mod app;
#[cfg(not(feature = "measured-kernel"))]
mod bare;
#[cfg(feature = "measured-link")]
mod link;
#[cfg(feature = "measured-plugin")]
mod second;
#[cfg(feature = "measured-storage")]
mod storage;
#[cfg(feature = "measured-supervisor")]
mod supervisor;

#[cfg(feature = "measured-kernel")]
pub use app::run;
#[cfg(not(feature = "measured-kernel"))]
pub use bare::run;

use static_cell::ConstStaticCell;

use crate::board::{self, Parts};

/// The application's buffers: they are its own, and in both programs.
struct Buffers {
    /// Messages of the one plugin, twice the longest.
    plugin: [u8; 128],
    /// Messages of a second one.
    #[cfg_attr(
        not(feature = "measured-plugin"),
        expect(dead_code, reason = "counted in all")
    )]
    second: [u8; 128],
    /// A reply to a call.
    reply: [u8; 64],
}

fn buffers() -> &'static mut Buffers {
    static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers {
        plugin: [0; 128],
        second: [0; 128],
        reply: [0; 64],
    });
    BUFFERS.take()
}

fn parts() -> Parts {
    match board::take() {
        Some(parts) => parts,
        None => halt(),
    }
}

fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
