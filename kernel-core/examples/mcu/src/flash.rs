//! The board's flash, as the storage writes it: the part that the linker leaves alone.

use core::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

use crate::board::{Nor, Parts};
use crate::register::Register;

/// Where values are kept, in bytes.
pub const RANGE: Range<u32> = Nor::RANGE;

/// The board's flash.
pub struct Flash(());

/// Takes the flash.
pub fn start(_: &mut Parts) -> Flash {
    Nor::start();
    Flash(())
}

const fn word(address: u32) -> Register {
    // SAFETY: whoever asks has checked that it is below the capacity, which is memory on both boards; the storage
    // writes only within its range, which the linker's script leaves alone.
    unsafe { Register::at(address as usize) }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        for (address, byte) in (offset..).zip(bytes) {
            *byte = word(address & !3).read().to_le_bytes()[address as usize % 4];
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        RANGE.end as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = Nor::PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        if from < RANGE.start {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        (from..to).step_by(Nor::PAGE).for_each(Nor::erase);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        if offset < RANGE.start {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        let (words, _) = bytes.as_chunks::<4>();
        for (address, bytes) in (offset..).step_by(4).zip(words) {
            Nor::write(word(address), u32::from_le_bytes(*bytes));
        }
        Ok(())
    }
}
