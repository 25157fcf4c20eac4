//! The storage of Core Runtime on NOR flash: [`FlashStorage`], which a power cut at any moment leaves whole.
//! `no_std`, no allocation, no unsafe code.
//!
//! # What is in flash
//!
//! The pages make two halves. One of them holds a log: a record for each change, appended, with a checksum. A batch is a
//! group of records that counts only with its last one, and so is there whole or not at all. When the log reaches the
//! end of its half, the values that are still there are copied to the other half, a mark makes that one the log's, and the
//! first is erased.
//!
//! # What is in memory
//!
//! Where the log ends, and 72 bytes of cache: some 100 bytes. No index, so that the number of values costs no RAM; a list
//! has one name on the stack.
//!
//! # Power cuts and damage
//!
//! What was acknowledged is there after a cut at any write or erase; what was under way is there whole or not at all.
//! A record that was cut can be told from one that rots: its checksum is written last, in a write of its own. Every request
//! first checks all of the log. If any record is damaged, every request is answered with `corrupt` until
//! [`FlashStorage::salvage`] or [`FlashStorage::format`]: a value that rots is never taken for one that is not there. One
//! thing cannot be told from a write that was cut: a bit of the very last record's checksum that turns back into one.
//!
//! # Limits
//!
//! - A namespace and a key have up to 255 bytes each, a value up to 65,535. A record takes 12 bytes more, a half's mark
//!   16, their parts rounded up to the flash's words. All living values have to fit into one half. Deletions are always
//!   possible.
//! - Wear: the log moves, and one half is erased, each time that `half - living` bytes were written, where `living` is
//!   what the living values take. With 16 KiB in two halves, 4 KiB of values and records of 64 bytes, it moves every 64
//!   writes, and each page is erased every 128. A half that is almost full wears fast. A request that is refused or changes
//!   nothing wears nothing, nor does opening, unless there is something to repair.
//! - Time: a request reads the whole log once, to check it; a list goes through it once more for each name; moving
//!   the log reads the rest of it for each value. Reading, writing and erasing block: give the storage a task whose
//!   executor nothing urgent shares, where erasing a page takes too long for it.
//! - The flash has to keep the order of what is done to it. A write that is cut may leave any part of its bits written,
//!   an erase any part of the half erased. No word is written twice between two erases.
//!
//! A value that is read is not checked as JSON here: [`serve`](kernel_core::serve) does that for every storage.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod log;
mod nor;
mod record;

use core::ops::Range;

use embedded_storage::nor_flash::NorFlash;
use kernel_core::storage::{PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{Error, Fault, corrupt};

use crate::log::{Halves, Log};
use crate::nor::{Nor, Span, Text, Trouble};

/// A storage on a NOR flash. The crate's documentation says what fits, what it wears, and what a power cut leaves.
///
/// ```
/// use embedded_storage::nor_flash::NorFlash;
/// use kernel_flash::FlashStorage;
/// use kernel_core::{Error, Installed, serve};
///
/// /// Serves values from the last 16 KiB of the flash.
/// async fn storage_life(installed: Installed, flash: impl NorFlash) -> Result<(), Error> {
///     let mut storage = FlashStorage::open(flash, 0x3_c000..0x4_0000)?;
///     serve::<_, 1>(installed, &mut storage, &mut [0; 512]).await;
///     Ok(())
/// }
/// ```
pub struct FlashStorage<F> {
    nor: Nor<F>,
    halves: Halves,
    /// `None` after trouble that the storage remembers.
    log: Option<Log>,
}

impl<F: NorFlash> FlashStorage<F> {
    /// Opens the storage in `range` of the flash, in bytes: whole pages, at least two, of which each half gets as many.
    /// Makes an empty storage where the flash is blank, and repairs what a power cut left.
    ///
    /// Damage does not fail it, see [`is_damaged`](FlashStorage::is_damaged); nor does a flash that fails, which every
    /// request tries again. A range that holds something else, more than 16 bytes, is left as it is, and is damaged.
    ///
    /// # Errors
    /// `invalid_argument` for a range that is not on the flash, or not two whole pages or more.
    pub fn open(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let mut storage = Self::unopened(flash, range)?;
        storage.log = storage.nor.load(storage.halves);
        Ok(storage)
    }

    /// Erases `range`, and opens the empty storage there.
    ///
    /// # Errors
    /// As [`open`](FlashStorage::open); and `storage_failed` when the flash cannot be erased.
    pub fn format(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let mut storage = Self::unopened(flash, range)?;
        let Halves { start, size } = storage.halves;
        storage.nor.clear(start, start + 2 * size);
        if storage.nor.trouble.is_none() {
            storage.log = storage.nor.load(storage.halves);
        }
        storage.outcome("", "", 0).map(|()| storage)
    }

    fn unopened(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let page = F::ERASE_SIZE as u32;
        let fits = range.start.is_multiple_of(page)
            && range.end.is_multiple_of(page)
            && range.end as usize <= flash.capacity();
        let size = range.end.saturating_sub(range.start) / page / 2 * page;
        if !fits || size == 0 {
            return Err(Error::invalid_argument(
                "the range is not on the flash, or not two whole pages or more",
            ));
        }
        let start = range.start;
        Ok(FlashStorage {
            nor: Nor::new(flash),
            halves: Halves { start, size },
            log: None,
        })
    }

    /// True when values that were stored cannot be read any more, or the range holds something else. Every request is
    /// answered with `corrupt` then.
    pub fn is_damaged(&self) -> bool {
        self.nor.trouble == Some(Trouble::Corrupt)
    }

    /// Goes on with the records that can be read. Which values are lost is not known; a value may also be an older one of
    /// the same key, or one that was deleted.
    ///
    /// # Errors
    /// `storage_failed`.
    pub fn salvage(&mut self) -> Result<(), Error> {
        self.log = self.nor.salvage(self.halves);
        self.outcome("", "", 0)
    }

    /// The bytes that the living values take, and how many they may take at most.
    ///
    /// # Errors
    /// `corrupt` or `storage_failed`.
    pub fn usage(&mut self) -> Result<(u32, u32), Error> {
        let mut used = 0;
        if let Some(log) = self.ready() {
            self.nor.dry = true;
            used = self.nor.copy_living(&log, None, 0);
            self.nor.dry = false;
        }
        self.outcome("", "", 0)?;
        Ok((used, self.room()))
    }

    /// Gives the flash back. Nothing has to be written.
    pub fn close(self) -> F {
        self.nor.flash
    }

    /// How many bytes of records fit.
    fn room(&self) -> u32 {
        self.halves.size - Nor::<F>::MARK
    }

    /// The trouble of a request, if any, as an error.
    #[inline(never)]
    fn outcome(&mut self, namespace: &str, key: &str, max: usize) -> Result<(), Error> {
        let Some(trouble) = self.nor.trouble else {
            return Ok(());
        };
        if matches!(trouble, Trouble::Failed | Trouble::Corrupt) {
            // It may have been half done: the next request looks at what is there.
            self.log = None;
        }
        Err(match trouble {
            // A chip that does not keep texts needs none.
            Trouble::Failed | Trouble::Full if !cfg!(feature = "messages") => Fault::Storage.into(),
            Trouble::Failed => Error::new("storage_failed", "the flash could not be read, written or erased"),
            Trouble::Corrupt => corrupt(namespace, key),
            Trouble::Full => Error::new("full", "delete values, or give the storage more pages"),
            Trouble::TooLarge => Fault::TooLarge { max: max as u32 }.into(),
            Trouble::Malformed => Error::invalid_argument("the batch cannot be read"),
        })
    }

    /// The log, all of its records checked.
    fn ready(&mut self) -> Option<Log> {
        match self.log {
            Some(log) => {
                self.nor.trouble = None;
                if !self.nor.is_sound(log.first, log.end) {
                    self.nor.fail(Trouble::Corrupt);
                }
            }
            None if self.is_damaged() => {}
            None => self.log = self.nor.load(self.halves),
        }
        self.log.filter(|_| self.nor.trouble.is_none())
    }

    fn carry_out(&mut self, request: &mut StorageRequest<'_>) -> Stored {
        let Some(mut log) = self.ready() else {
            return Stored::Absent;
        };
        let (count, value) = match request.op {
            StorageOp::ListKeys | StorageOp::Namespaces => return self.list(&log, request),
            StorageOp::Set | StorageOp::Batch => (1, None),
            StorageOp::Get | StorageOp::Delete => self.find(&log, request.namespace, Some(request.key)),
            StorageOp::ClearNamespace => self.find(&log, request.namespace, None),
        };
        if request.op == StorageOp::Get {
            return self.read(value, request.out);
        }
        if count > 0 {
            self.nor.change(self.halves, &mut log, request);
            self.log = Some(log);
        }
        match request.op {
            StorageOp::ClearNamespace => Stored::Count(count),
            _ if count == 0 => Stored::Absent,
            _ => Stored::Done,
        }
    }

    fn read(&mut self, value: Option<Span>, out: &mut [u8]) -> Stored {
        let Some(value) = value else {
            return Stored::Absent;
        };
        let len = value.len as usize;
        match out.get_mut(..len) {
            Some(room) => self.nor.copy(value.at, room),
            None => self.nor.fail(Trouble::TooLarge),
        }
        Stored::Bytes(len)
    }

    /// How many values there are of this namespace and key, if any; and the last one.
    #[inline(never)]
    fn find(&mut self, log: &Log, namespace: &str, key: Option<&str>) -> (u32, Option<Span>) {
        let (mut at, mut count, mut value) = (log.first, 0, None);
        while let Some(record) = self.nor.next(&mut at, log.end) {
            if self.nor.is_named(&record, namespace, key) && self.nor.is_live(&record, log.end) {
                count += 1;
                value = Some(record.value());
            }
        }
        (count, value)
    }

    /// The names after the request's key, in order, each found by going through the log.
    fn list(&mut self, log: &Log, request: &mut StorageRequest<'_>) -> Stored {
        let all = request.op == StorageOp::Namespaces;
        let mut page = PageWriter::new(request.out, request.limit);
        let mut after = Text::Memory(request.key.as_bytes());
        loop {
            let (mut at, mut least) = (log.first, None);
            while let Some(record) = self.nor.next(&mut at, log.end) {
                let name = Text::Flash(record.name(all));
                if (all || self.nor.is_named(&record, request.namespace, None))
                    && self.nor.compare(name, after).is_gt()
                    && least.is_none_or(|least| self.nor.compare(name, Text::Flash(least)).is_lt())
                    && self.nor.is_live(&record, log.end)
                {
                    least = Some(record.name(all));
                }
            }
            let Some(least) = least else {
                break;
            };
            let mut name = [0; u8::MAX as usize];
            let name = name.get_mut(..least.len as usize).unwrap_or_default();
            self.nor.copy(least.at, name);
            // Whatever it is, it was UTF-8 when it was stored, and its checksum is right.
            if !page.push(core::str::from_utf8(name).unwrap_or_default()) {
                break;
            }
            after = Text::Flash(least);
        }
        Stored::Bytes(page.len())
    }
}

/// Nothing in it waits, so that nothing is left half done when it is dropped.
impl<F: NorFlash> Storage for FlashStorage<F> {
    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        for request in group {
            let stored = self.carry_out(request);
            let max = match request.op {
                StorageOp::Get => request.out.len(),
                _ => self.room() as usize,
            };
            request.result = self.outcome(request.namespace, request.key, max).map(|()| stored);
        }
    }
}
