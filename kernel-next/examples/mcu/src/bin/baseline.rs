//! What the footprint is measured against: the program without the kernel.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    mcu::measured::run()
}
