//! A flash of which one page can be hidden.

use core::ops::Range;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// The flash as the map sees it: a hidden page reads as blank.
pub(super) struct Veiled<F> {
    pub(super) flash: F,
    pub(super) hidden: Range<u32>,
}

impl<F: ErrorType> ErrorType for Veiled<F> {
    type Error = F::Error;
}

impl<F: NorFlash> ReadNorFlash for Veiled<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        // No read crosses the end of a page.
        if self.hidden.contains(&offset) {
            bytes.fill(0xff);
            return Ok(());
        }
        self.flash.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash> NorFlash for Veiled<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.flash.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.flash.write(offset, bytes).await
    }
}
