//! A storage on flash, which a power cut at any moment leaves whole.
//!
//! [`FlashStorage`] keeps the values in a log over the pages of a NOR flash: the map of
//! [`sequential-storage`](https://docs.rs/sequential-storage), whose items are there whole or not
//! at all, whose pages are worn evenly, and which repairs what a power cut left half done.
//!
//! # What is in flash
//!
//! The map's keys are the numbers of *slots*; an item holds a slot's namespace, key and value. A
//! name gets the lowest free slot. Deleting writes an empty item, after which the slot is free for
//! another name: so a deletion needs no second write to a flash word, which many chips cannot do,
//! and what deletions leave behind is bounded by the most values that there ever were at a time.
//!
//! Slot 0 is the journal. A batch, or the clearing of a namespace, is one item there before it is
//! carried out, and is cleared afterwards. [`FlashStorage::open`] carries out what it finds there,
//! before anything else: all or nothing.
//!
//! # What is in memory
//!
//! For each slot 8 bytes: the sequence number of its newest item, a hash of its name, its length.
//! A value is read by its slot's number and has to have that sequence number.
//!
//! # Damage
//!
//! The map passes over items whose checksum is wrong, as it must after a power cut. So that a
//! value that rots is not taken for one that never was, each item carries a digest of the
//! sequence numbers of all newest items: at opening, the digest of what is there has to be the one
//! in the newest item. If it is not, every request is answered with
//! [`Corrupt`](StorageError::Corrupt) until [`FlashStorage::accept_damage`] or
//! [`FlashStorage::format`]. What rots later is found when it is read. One thing cannot be told
//! from a write that was cut: rot, while the power is off, of the very last item written.
//!
//! # Limits
//!
//! - A value, with its names and 13 bytes, has to fit into half of the buffer and into a page
//!   without two words, less the map's item header of 8 bytes; a batch likewise, as a whole.
//! - A write of `size` bytes is accepted while all living items take no more than
//!   `(pages - 1) × (page - 2 words - size)`, which is when it is sure to fit; see
//!   [`FlashStorage::usage`]. A little room stays for deletions. A batch needs the room twice, for
//!   the journal and for the values, also where it replaces values.
//! - Wear: a page is erased once each time the log has gone around. A write takes its size; a
//!   batch twice its size and two small items; a deletion one small item. A request that is
//!   refused for lack of room wears nothing, nor does opening, unless there is something to repair.
//! - Time: reading a value reads the log back to it; a list reads the whole log once for each name
//!   and once more; clearing once for each 32 values; opening once. Where the log enters a page that
//!   was used, each living item of the next page is looked up and moved before the write returns.
//! - The flash has to keep the order of what is done to it: what was written or erased first is
//!   there when anything after it is. A write that is cut may leave any part of its words, an erasing
//!   any part of the page; but a bit that was left half way and reads now so, now so, is beyond what
//!   can be repaired.

mod errors;
mod journal;
mod load;
mod log;
mod record;
mod veil;

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use heapless::String;

use self::log::{JOURNAL, Log};
use self::record::Body;
use super::{MAX_KEY, MAX_NAMESPACE, Names, Ops, Storage, StorageError};
use crate::json::Json;

/// A storage of up to `KEYS` values, of all namespaces, on a NOR flash.
///
/// It is a few hundred bytes and 8 for each of the `KEYS`. The module's documentation says what
/// fits, what it wears, and what a power cut leaves.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use kernel_core::storage::{FlashStorage, StorageError, serve};
/// use kernel_core::CoreRuntime;
///
/// /// Serves values of up to 200 bytes from the last 16 KiB of the flash.
/// async fn storage_task(runtime: &CoreRuntime, flash: impl NorFlash) -> Result<(), StorageError> {
///     let mut buffer = [0; 512];
///     let mut storage = FlashStorage::<_, 64>::open(flash, 0x3_c000..0x4_0000, &mut buffer).await?;
///     serve(runtime.kernel(), &mut storage, &mut [0; 512]).await;
///     Ok(())
/// }
/// ```
pub struct FlashStorage<'b, F: NorFlash, const KEYS: usize> {
    log: Log<'b, F, KEYS>,
    /// Holds the journal while it is carried out.
    journal: &'b mut [u8],
}

impl<'b, F: NorFlash, const KEYS: usize> FlashStorage<'b, F, KEYS> {
    /// Opens the storage in `range` of the flash, in bytes, two whole pages or more; makes an empty
    /// one where the flash is blank. Repairs what a power cut left, and carries out the batch that
    /// it interrupted.
    ///
    /// `buffer` is twice the largest item: namespace, key, value and 13 bytes, or a batch's
    /// request, rounded up to the flash's words. Some chips need it aligned.
    ///
    /// Damage does not fail the opening: see [`is_damaged`](FlashStorage::is_damaged).
    ///
    /// # Errors
    /// [`Failed`](StorageError::Failed) for a range that is not on the flash or not whole pages, a
    /// buffer too small for what is stored, more than `KEYS` stored, or a flash that fails;
    /// [`Corrupt`](StorageError::Corrupt) when the range holds something else, or the pages
    /// contradict each other.
    ///
    /// # Cancellation
    /// As harmless as a power cut: open it again.
    pub async fn open(flash: F, range: Range<u32>, buffer: &'b mut [u8]) -> Result<Self, StorageError> {
        let mut storage = Self::unopened(flash, range, buffer)?;
        storage.settle().await?;
        Ok(storage)
    }

    /// Erases `range`, and opens the empty storage there.
    ///
    /// # Errors
    /// As [`open`](FlashStorage::open).
    ///
    /// # Cancellation
    /// The values are lost or damaged; format again.
    pub async fn format(flash: F, range: Range<u32>, buffer: &'b mut [u8]) -> Result<Self, StorageError> {
        let mut storage = Self::unopened(flash, range, buffer)?;
        storage.log.erase().await?;
        storage.settle().await?;
        Ok(storage)
    }

    fn unopened(flash: F, range: Range<u32>, buffer: &'b mut [u8]) -> Result<Self, StorageError> {
        // Both halves keep the alignment of the whole.
        let unit = Log::<F, KEYS>::WORD.max(4);
        let half = (buffer.len() / 2 / unit).saturating_mul(unit);
        let (item, journal) = buffer.split_at_mut(half);
        Ok(FlashStorage {
            log: Log::new(flash, range, item)?,
            journal,
        })
    }

    /// True when values that were stored cannot be read any more. Every request is answered with
    /// [`Corrupt`](StorageError::Corrupt) then.
    pub fn is_damaged(&self) -> bool {
        self.log.is_damaged()
    }

    /// Goes on with the values that are left. Which are lost is not known; a value may also be an
    /// older one of the same key.
    ///
    /// # Errors
    /// See [`StorageError`].
    ///
    /// # Cancellation
    /// The storage may be damaged as before.
    pub async fn accept_damage(&mut self) -> Result<(), StorageError> {
        self.settle().await?;
        if !self.log.is_damaged() {
            return Ok(());
        }
        self.log.accept_damage().await?;
        self.settle().await?;
        // Any write puts the digest of what is left in flash.
        self.log.write(JOURNAL, Body::Empty).await
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.log.count() as usize
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of flash that living items take, and how many they may take at most.
    pub fn usage(&self) -> (u32, u32) {
        self.log.usage()
    }

    /// Gives the flash back. Nothing has to be written.
    pub fn close(self) -> F {
        self.log.into_flash()
    }

    /// Brings memory and flash together after an interruption, and carries out what was decided.
    async fn settle(&mut self) -> Result<(), StorageError> {
        let FlashStorage { log, journal } = self;
        log.load().await?;
        if log.is_damaged() {
            return Ok(());
        }
        if log.is_new() {
            log.write(JOURNAL, Body::Empty).await?;
        }
        if log.pending {
            let decided = log.journal(journal).await?;
            log.carry_out(decided).await?;
        }
        Ok(())
    }

    /// What every request begins with.
    async fn ready(&mut self) -> Result<&mut Log<'b, F, KEYS>, StorageError> {
        self.settle().await?;
        self.log.check()?;
        Ok(&mut self.log)
    }

    /// Fills the page with the names that `pick` gives, in order.
    async fn list(
        &mut self,
        after: &str,
        page: &mut Names<'_>,
        pick: impl for<'n> Fn(&'n str, &'n str) -> Option<&'n str>,
    ) -> Result<(), StorageError> {
        let log = self.ready().await?;
        let mut last = name(after)?;
        loop {
            let mut best: Option<String<MAX_KEY, u8>> = None;
            log.each_name(|_, namespace, key| {
                let better = pick(namespace, key)
                    .filter(|name| *name > last.as_str())
                    .filter(|name| best.as_ref().is_none_or(|best| *name < best.as_str()));
                if let Some(better) = better {
                    // It fits: no name is longer.
                    best = name(better).ok();
                }
                true
            })
            .await?;
            match best {
                Some(best) if page.push(&best) => last = best,
                _ => return Ok(()),
            }
        }
    }
}

fn name(text: &str) -> Result<String<MAX_KEY, u8>, StorageError> {
    let mut name = String::new();
    name.push_str(text).map_err(|_| StorageError::Name)?;
    Ok(name)
}

/// # Cancellation
/// A write that is dropped is carried out or not, as with a power cut; the next request finds out.
impl<F: NorFlash, const KEYS: usize> Storage for FlashStorage<'_, F, KEYS> {
    async fn get(
        &mut self,
        namespace: &str,
        key: &str,
        to: &mut [u8],
    ) -> Result<Option<usize>, StorageError> {
        let max = to.len();
        match self.ready().await?.find(namespace, key, to).await? {
            Some(found) if found.len > max => Err(StorageError::Buffer { len: found.len, max }),
            found => Ok(found.map(|found| found.len)),
        }
    }

    async fn set(&mut self, namespace: &str, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        let log = self.ready().await?;
        let value = value.as_bytes();
        let body = Body::Value {
            namespace,
            key,
            value,
        };
        let size = Log::<F, KEYS>::size(body.item_len());
        log.room(size, size)?;
        let slot = match log.find(namespace, key, &mut []).await? {
            Some(found) => found.slot,
            None => log.free_slot()?,
        };
        log.write(slot, body).await
    }

    async fn delete(&mut self, namespace: &str, key: &str) -> Result<bool, StorageError> {
        let log = self.ready().await?;
        match log.find(namespace, key, &mut []).await? {
            Some(found) => log.write(found.slot, Body::Empty).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn list_keys(
        &mut self,
        namespace: &str,
        after: &str,
        page: &mut Names<'_>,
    ) -> Result<(), StorageError> {
        self.list(after, page, |its_namespace, key| {
            (its_namespace == namespace).then_some(key)
        })
        .await
    }

    async fn namespaces(&mut self, after: &str, page: &mut Names<'_>) -> Result<(), StorageError> {
        self.list(after, page, |namespace, _| Some(namespace)).await
    }

    async fn clear_namespace(&mut self, namespace: &str) -> Result<u32, StorageError> {
        let log = self.ready().await?;
        if log.slots_of(namespace).await?.is_empty() {
            return Ok(0);
        }
        log.decide(Body::Clear { namespace }).await
    }

    async fn batch(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError> {
        let log = self.ready().await?;
        if ops.clone().next().is_none() {
            return Ok(());
        }
        log.check_batch(namespace, ops).await?;
        log.decide(Body::Batch {
            namespace,
            ops: ops.0,
        })
        .await
        .map(drop)
    }
}
