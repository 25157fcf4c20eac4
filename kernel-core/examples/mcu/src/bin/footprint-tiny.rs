//! The program with the kernel, in the profile `tiny`.

#![no_std]
#![no_main]

kernel_core::kernel! {
    /// The kernel that is measured.
    static KERNEL = kernel_core::Capacities::TINY;
}

#[cortex_m_rt::entry]
fn main() -> ! {
    mcu::measured::run(KERNEL.init(mcu::time::now))
}
