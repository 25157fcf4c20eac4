//! Telling whoever started the emulator how it went.

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::{debug, hprintln};

/// Says that all went well, and ends the emulator with success.
pub fn pass() -> ! {
    hprintln!("PASS");
    exit(debug::EXIT_SUCCESS)
}

/// Says what went wrong, and ends the emulator with failure.
pub fn fail(why: core::fmt::Arguments<'_>) -> ! {
    hprintln!("FAIL: {}", why);
    exit(debug::EXIT_FAILURE)
}

fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    // On a chip without a debugger nobody heard it.
    loop {
        cortex_m::asm::wfi();
    }
}

/// Ends the emulator with failure unless the expectation holds.
#[macro_export]
macro_rules! expect {
    ($what:expr, $holds:expr $(,)?) => {
        if !$holds {
            $crate::check::fail(format_args!("{}: {}", $what, stringify!($holds)));
        }
    };
}

/// Bytes of the stack that were used so far, and its size.
pub fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (&raw const _stack_start, &raw const _stack_end);
    let words = (top as usize - bottom as usize) / 4;
    // SAFETY: all of the memory between the two symbols of the linker's script is the stack, which
    // cortex-m-rt filled before `main`; it is read only.
    let untouched = (0..words)
        .take_while(|index| unsafe { bottom.add(*index).read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE)
        .count();
    ((words - untouched) * 4, words * 4)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("{info}"))
}

/// What a stack that is too small ends in, with luck.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    fail(format_args!("a hard fault at {:#x}", frame.pc()))
}
