//! A register of the chip.

/// One 32-bit register at a fixed address.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    /// The register at `address`.
    ///
    /// # Safety
    /// On the board that this is built for, reading and writing 32 bits there must be allowed and
    /// touch nothing that Rust owns.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Register(address)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: whoever made this value promised that it is a register.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    #[cfg(any(feature = "uart", feature = "flash"))]
    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}
