//! The storage of Core Runtime on NOR flash: [`FlashStorage`], which a power cut at any moment leaves whole.
//! `no_std`, no allocation, no unsafe code.
//!
//! # What is in flash
//!
//! The pages make two halves. One of them holds a log: a record for each request that changed something, appended, with a
//! checksum. A batch is one record, and so there whole or not at all. When the log reaches the end of its half, the
//! values that are still there are copied to the other half, a mark makes that one the log's, and the first is erased.
//!
//! # What is in memory
//!
//! Nothing but where the log ends, and 64 bytes of cache: no index, so that the number of values costs no RAM.
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
//!   12, each rounded up to the flash's words. All living values have to fit into one half; a batch needs room for its
//!   own record besides. Deletions are always possible, a batch of deletions not always.
//! - Wear: the log moves, and one half is erased, each time that `half - living` bytes were written, where `living` is
//!   what the living values take. With 16 KiB in two halves, 4 KiB of values and records of 64 bytes, it moves every 64
//!   writes, and each page is erased every 128. A half that is almost full wears fast. A request that is refused or changes
//!   nothing wears nothing, nor does opening, unless there is something to repair.
//! - Time: a request reads the whole log once, some 60 cycles a byte on a Cortex-M0; a list once more for each name; moving
//!   the log reads the rest of it for each value. Reading, writing and erasing block: give the storage a task whose
//!   executor nothing urgent shares, where erasing a page takes too long for it.
//! - The flash has to keep the order of what is done to it. A write that is cut may leave any part of its bits written,
//!   an erase any part of the half erased. No word is written twice between two erases.

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
use kernel_next::storage::{PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_next::{Error, Fault, corrupt};

use crate::log::Log;
use crate::nor::{Nor, Span, Text};
use crate::record::{CLEAR, Entry, SET};

/// Why something was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The flash did not do it. The log has to be looked for again.
    Failed,
    Corrupt,
    Full,
    /// It would not fit into so many bytes.
    TooLarge(u32),
    /// A batch that cannot be read.
    Malformed,
}

impl Trouble {
    fn error(self, namespace: &str, key: &str) -> Error {
        match self {
            Trouble::Failed => Error::new("storage_failed", "the flash could not be read, written or erased"),
            Trouble::Corrupt => corrupt(namespace, key),
            Trouble::Full => Error::new(
                "full",
                "the flash is full: delete values, or give the storage more pages",
            ),
            Trouble::TooLarge(max) => Fault::TooLarge { max }.into(),
            Trouble::Malformed => Error::invalid_argument("the batch cannot be read"),
        }
    }
}

/// A storage on a NOR flash. The crate's documentation says what fits, what it wears, and what a power cut leaves.
///
/// ```
/// use embedded_storage::nor_flash::NorFlash;
/// use kernel_flash::FlashStorage;
/// use kernel_next::{Error, Installed, serve};
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
    start: u32,
    half: u32,
    log: Result<Log, Trouble>,
}

impl<F: NorFlash> FlashStorage<F> {
    /// Opens the storage in `range` of the flash, in bytes: whole pages, at least two, of which each half gets as many.
    /// Makes an empty storage where the flash is blank, and repairs what a power cut left.
    ///
    /// Damage does not fail it, see [`is_damaged`](FlashStorage::is_damaged); nor does a flash that fails, which every
    /// request tries again. A range that holds something else is left as it is, and is damaged.
    ///
    /// # Errors
    /// `invalid_argument` for a range that is not on the flash, or not two whole pages or more.
    pub fn open(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let mut storage = Self::unopened(flash, range)?;
        storage.log = storage.nor.load(storage.start, storage.half);
        Ok(storage)
    }

    /// Erases `range`, and opens the empty storage there.
    ///
    /// # Errors
    /// As [`open`](FlashStorage::open); and `storage_failed` when the flash cannot be erased.
    pub fn format(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let mut storage = Self::unopened(flash, range)?;
        let (start, half) = (storage.start, storage.half);
        let erased = storage.nor.clear(start, start + 2 * half);
        storage.log = erased.and_then(|()| storage.nor.load(start, half));
        match storage.log {
            Ok(_) => Ok(storage),
            Err(trouble) => Err(trouble.error("", "")),
        }
    }

    fn unopened(flash: F, range: Range<u32>) -> Result<Self, Error> {
        let page = F::ERASE_SIZE as u32;
        let fits = range.start.is_multiple_of(page)
            && range.end.is_multiple_of(page)
            && range.end as usize <= flash.capacity();
        let half = range.end.saturating_sub(range.start) / page / 2 * page;
        if !fits || half == 0 {
            return Err(Error::invalid_argument(
                "the range is not on the flash, or not two whole pages or more",
            ));
        }
        Ok(FlashStorage {
            nor: Nor::new(flash),
            start: range.start,
            half,
            log: Err(Trouble::Failed),
        })
    }

    /// True when values that were stored cannot be read any more, or the range holds something else. Every request is
    /// answered with `corrupt` then.
    pub fn is_damaged(&self) -> bool {
        matches!(self.log, Err(Trouble::Corrupt))
    }

    /// Goes on with the values that can be read. Which are lost is not known; a value may also be an older one of the same
    /// key.
    ///
    /// # Errors
    /// `storage_failed`, or `full` when what is left does not fit.
    pub fn salvage(&mut self) -> Result<(), Error> {
        self.log = self.nor.salvage(self.start, self.half);
        match self.log {
            Ok(_) => Ok(()),
            Err(trouble) => Err(trouble.error("", "")),
        }
    }

    /// The bytes that the living values take, and how many they may take at most.
    ///
    /// # Errors
    /// `corrupt` or `storage_failed`.
    pub fn usage(&mut self) -> Result<(u32, u32), Error> {
        let used = self.ready().and_then(|log| {
            let used = self.nor.each_living(log.cursor::<F>(), None, None)?;
            Ok((used, log.room::<F>()))
        });
        used.map_err(|trouble| trouble.error("", ""))
    }

    /// Gives the flash back. Nothing has to be written.
    pub fn close(self) -> F {
        self.nor.flash
    }

    /// The log, all of its records checked.
    fn ready(&mut self) -> Result<Log, Trouble> {
        if matches!(self.log, Err(Trouble::Failed)) {
            self.log = self.nor.load(self.start, self.half);
        }
        let checked = self.log.and_then(|log| self.nor.verify_all(&log));
        if let Err(trouble) = checked {
            self.log = Err(trouble);
        }
        self.log
    }

    fn carry_out(&mut self, request: &mut StorageRequest<'_>) -> Result<Stored, Trouble> {
        let log = self.ready()?;
        let found = match request.op {
            StorageOp::Get => return self.get(&log, request),
            StorageOp::ListKeys | StorageOp::Namespaces => return self.list(&log, request),
            StorageOp::Set | StorageOp::Batch => Stored::Done,
            StorageOp::Delete => match self.find(&log, request)? {
                Some(_) => Stored::Done,
                None => return Ok(Stored::Absent),
            },
            StorageOp::ClearNamespace => match self.count(&log, request)? {
                0 => return Ok(Stored::Count(0)),
                count => Stored::Count(count),
            },
        };
        match self.nor.change(&log, request) {
            Ok(log) => self.log = Ok(log),
            Err(trouble) => {
                // It may have been half done: the next request looks at what is there.
                if matches!(trouble, Trouble::Failed | Trouble::Corrupt) {
                    self.log = Err(trouble);
                }
                return Err(trouble);
            }
        }
        Ok(found)
    }

    fn get(&mut self, log: &Log, request: &mut StorageRequest<'_>) -> Result<Stored, Trouble> {
        let Some(value) = self.find(log, request)? else {
            return Ok(Stored::Absent);
        };
        let max = request.out.len();
        let len = value.len as usize;
        let room = request.out.get_mut(..len).ok_or(Trouble::TooLarge(max as u32))?;
        self.nor.copy(value, room)?;
        Ok(Stored::Bytes(len))
    }

    /// Where the value is.
    fn find(&mut self, log: &Log, request: &StorageRequest<'_>) -> Result<Option<Span>, Trouble> {
        let (namespace, key) = (request.namespace.as_bytes(), request.key.as_bytes());
        let (mut cursor, mut found) = (log.cursor::<F>(), None);
        while let Some(entry) = self.nor.next(&mut cursor)? {
            if !self.is_in(&entry, namespace)? {
                continue;
            }
            if entry.op == CLEAR {
                found = None;
            } else if self.nor.same(Text::Memory(key), Text::Flash(entry.key))? {
                found = (entry.op == SET).then_some(entry.value);
            }
        }
        Ok(found)
    }

    fn is_in(&mut self, entry: &Entry, namespace: &[u8]) -> Result<bool, Trouble> {
        self.nor
            .same(Text::Memory(namespace), Text::Flash(entry.namespace))
    }

    /// How many values the namespace has.
    fn count(&mut self, log: &Log, request: &StorageRequest<'_>) -> Result<u32, Trouble> {
        let (mut cursor, mut count) = (log.cursor::<F>(), 0);
        while let Some(entry) = self.nor.next(&mut cursor)? {
            if self.is_in(&entry, request.namespace.as_bytes())? && self.nor.is_live(&entry, cursor)? {
                count += 1;
            }
        }
        Ok(count)
    }

    /// The names after the request's key, in order, each found by going through the log.
    fn list(&mut self, log: &Log, request: &mut StorageRequest<'_>) -> Result<Stored, Trouble> {
        let mut page = PageWriter::new(request.out, request.limit);
        let mut after = Text::Memory(request.key.as_bytes());
        loop {
            let (mut cursor, mut least) = (log.cursor::<F>(), None);
            while let Some(entry) = self.nor.next(&mut cursor)? {
                let name = match request.op {
                    StorageOp::Namespaces => entry.namespace,
                    _ if self.is_in(&entry, request.namespace.as_bytes())? => entry.key,
                    _ => continue,
                };
                let before = match least {
                    Some(least) => self.nor.compare(Text::Flash(name), Text::Flash(least))?.is_lt(),
                    None => true,
                };
                if before
                    && self.nor.compare(Text::Flash(name), after)?.is_gt()
                    && self.nor.is_live(&entry, cursor)?
                {
                    least = Some(name);
                }
            }
            let Some(least) = least else {
                break;
            };
            let mut name = [0; u8::MAX as usize];
            self.nor.copy(least, &mut name)?;
            let name = name.get(..least.len as usize).ok_or(Trouble::Corrupt)?;
            if !page.push(core::str::from_utf8(name).map_err(|_| Trouble::Corrupt)?) {
                break;
            }
            after = Text::Flash(least);
        }
        Ok(Stored::Bytes(page.len()))
    }
}

/// Nothing in it waits, so that nothing is left half done when it is dropped.
impl<F: NorFlash> Storage for FlashStorage<F> {
    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        for request in group {
            request.result = self
                .carry_out(request)
                .map_err(|trouble| trouble.error(request.namespace, request.key));
        }
    }
}
