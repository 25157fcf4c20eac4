//! The log: numbered slots over `sequential-storage`, and what of them is in memory.

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};

use super::errors::{failure, lost_value};
use super::record::{Body, Record, digest_of, hash};
use super::veil::Veiled;
use super::{MAX_NAMESPACE, StorageError};

/// The slot of the journal; the values have those from 1.
pub(super) const JOURNAL: u16 = 0;

/// What memory knows of a slot's newest item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Its sequence; 0 when the slot was never written.
    pub(super) sequence: u32,
    /// The hash of its name; 0 when it holds no value.
    hash: u16,
    /// Its bytes, as [`Body::item_len`] counts them.
    len: u16,
}

impl Slot {
    pub(super) const UNUSED: Slot = Slot {
        sequence: 0,
        hash: 0,
        len: 0,
    };

    pub(super) fn of(record: &Record<'_>) -> Slot {
        Slot {
            sequence: record.sequence,
            hash: match record.body {
                Body::Value { namespace, key, .. } => hash(namespace, key),
                _ => 0,
            },
            // An item of the log is never longer than 65,535.
            len: u16::try_from(record.body.item_len()).unwrap_or(u16::MAX),
        }
    }
}

/// How far memory and flash are known to agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trust {
    /// A write did not end: the flash has to be read again.
    Unsure,
    Sound,
    /// Items that were alive are missing.
    Damaged,
}

type Map<F> = MapStorage<u16, Veiled<F>, Cache<Uncached, Uncached, Uncached, u16>>;

/// The slots.
pub(super) struct Log<'b, F: NorFlash, const KEYS: usize> {
    pub(super) map: Map<F>,
    /// Holds the item that is being read or written.
    pub(super) item: &'b mut [u8],
    pub(super) journal: Slot,
    pub(super) slots: [Slot; KEYS],
    /// Of the newest write.
    pub(super) sequence: u32,
    /// Of what memory takes to be alive.
    pub(super) digest: u32,
    /// The bytes in flash of all newest items.
    pub(super) used: u32,
    pub(super) trust: Trust,
    /// The journal holds something that has to be carried out.
    pub(super) pending: bool,
}

/// A value that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) slot: u16,
    pub(super) len: usize,
}

impl<'b, F: NorFlash, const KEYS: usize> Log<'b, F, KEYS> {
    /// The largest of the flash's units for reading and writing.
    pub(super) const WORD: usize = if F::WRITE_SIZE > F::READ_SIZE {
        F::WRITE_SIZE
    } else {
        F::READ_SIZE
    };

    pub(super) fn new(flash: F, range: Range<u32>, item: &'b mut [u8]) -> Result<Self, StorageError> {
        // Checked here, where the map would compute with overflow.
        let capacity = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        if range.start >= range.end || range.end > capacity.min(u32::MAX - 0x2_0000) {
            return Err(StorageError::failed("the range lies outside of the flash"));
        }
        let config = MapConfig::try_new(range).map_err(|_| {
            StorageError::failed(
                "the range has to be two whole pages of the flash or more, of a few words each",
            )
        })?;
        if KEYS >= usize::from(u16::MAX) {
            return Err(StorageError::failed("at most 65,534 keys can be kept"));
        }
        let flash = Veiled { flash, hidden: 0..0 };
        let log = Log {
            map: MapStorage::new(flash, config, Cache::new_uncached()),
            item,
            journal: Slot::UNUSED,
            slots: [Slot::UNUSED; KEYS],
            sequence: 0,
            digest: 0,
            used: 0,
            trust: Trust::Unsure,
            pending: false,
        };
        if log.limit(log.reserve()) == 0 {
            return Err(StorageError::failed("the pages of this flash are too small"));
        }
        Ok(log)
    }

    pub(super) fn into_flash(self) -> F {
        self.map.destroy().0.flash
    }

    pub(super) async fn erase(&mut self) -> Result<(), StorageError> {
        self.trust = Trust::Unsure;
        self.map.erase_all().await.map_err(failure)
    }

    /// An error when items that were alive are missing.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        match self.trust {
            Trust::Damaged => Err(StorageError::corrupt(
                "values in flash were lost or damaged: accept the loss, or format the flash",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.trust == Trust::Damaged
    }

    /// Takes what is left for all there is. It stays damaged in flash until the next write.
    pub(super) async fn accept_damage(&mut self) -> Result<(), StorageError> {
        // A page whose erasing was cut, and which is not known to be of no use.
        let torn = self.map.flash().hidden.clone();
        if !torn.is_empty() {
            self.erase_page(torn).await?;
            self.map.flash().hidden = 0..0;
        }
        self.trust = Trust::Sound;
        Ok(())
    }

    pub(super) fn is_new(&self) -> bool {
        self.sequence == 0
    }

    /// Looks a value up, and copies as much of it into `to` as fits.
    pub(super) async fn find(
        &mut self,
        namespace: &str,
        key: &str,
        to: &mut [u8],
    ) -> Result<Option<Found>, StorageError> {
        let wanted = hash(namespace, key);
        for (slot, number) in self.slots.iter().zip(1u16..) {
            if slot.hash != wanted {
                continue;
            }
            let found = self
                .map
                .fetch_item::<Record<'_>>(self.item, &number)
                .await
                .map_err(failure)?;
            // Memory knows the slot's newest item: an older one, or none, means that it was lost.
            let Some(record) = found.filter(|record| record.sequence == slot.sequence) else {
                return Err(lost_value());
            };
            match record.body {
                Body::Value {
                    namespace: its_namespace,
                    key: its_key,
                    value,
                } if (its_namespace, its_key) == (namespace, key) => {
                    let fits = value.len().min(to.len());
                    if let (Some(to), Some(from)) = (to.get_mut(..fits), value.get(..fits)) {
                        to.copy_from_slice(from);
                    }
                    return Ok(Some(Found {
                        slot: number,
                        len: value.len(),
                    }));
                }
                // Another name with the same hash.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads the journal into `buf`.
    pub(super) async fn journal<'j>(&mut self, buf: &'j mut [u8]) -> Result<Body<'j>, StorageError> {
        let found = self
            .map
            .fetch_item::<Record<'_>>(buf, &JOURNAL)
            .await
            .map_err(failure)?;
        match found {
            Some(record) if record.sequence == self.journal.sequence => Ok(record.body),
            _ => Err(lost_value()),
        }
    }

    /// Shows `see` the slots and names of all values, in no order, until it returns false.
    pub(super) async fn each_name(
        &mut self,
        mut see: impl FnMut(u16, &str, &str) -> bool,
    ) -> Result<(), StorageError> {
        let mut seen = 0u32;
        let mut items = self.map.fetch_all_items(self.item).await.map_err(failure)?;
        while let Some((number, record)) = items.next::<Record<'_>>(self.item).await.map_err(failure)? {
            let slot = number
                .checked_sub(1)
                .and_then(|index| self.slots.get(usize::from(index)));
            let newest = slot.is_some_and(|slot| slot.sequence == record.sequence);
            if let (true, Body::Value { namespace, key, .. }) = (newest, record.body) {
                seen = seen.saturating_add(1);
                if !see(number, namespace, key) {
                    return Ok(());
                }
            }
        }
        if seen < self.count() {
            return Err(lost_value());
        }
        Ok(())
    }

    /// How many values there are.
    pub(super) fn count(&self) -> u32 {
        self.slots.iter().fold(0u32, |count, slot| {
            count.saturating_add(u32::from(slot.hash != 0))
        })
    }

    /// The lowest slot that holds no value.
    pub(super) fn free_slot(&self) -> Result<u16, StorageError> {
        let free = self.slots.iter().zip(1u16..).find(|(slot, _)| slot.hash == 0);
        match free {
            Some((_, number)) => Ok(number),
            None => Err(StorageError::full(
                "all keys of this storage are taken: delete some",
            )),
        }
    }

    /// Writes a slot's newest item. It is durable once this returns; the flash has to be read
    /// again when this fails, or is dropped.
    pub(super) async fn write(&mut self, number: u16, body: Body<'_>) -> Result<(), StorageError> {
        let slot = match number.checked_sub(1) {
            None => &mut self.journal,
            Some(index) => self
                .slots
                .get_mut(usize::from(index))
                .ok_or_else(|| StorageError::failed("a slot that does not exist"))?,
        };
        let Some(sequence) = self.sequence.checked_add(1) else {
            return Err(StorageError::full(
                "all writes that can be counted were made: format the flash",
            ));
        };
        let digest = self.digest ^ digest_of(slot.sequence) ^ digest_of(sequence);
        let record = Record {
            sequence,
            digest,
            body,
        };
        self.trust = Trust::Unsure;
        self.map
            .store_item(self.item, &number, &record)
            .await
            .map_err(failure)?;
        let old = core::mem::replace(slot, Slot::of(&record));
        self.used = self
            .used
            .saturating_sub(Self::slot_size(&old))
            .saturating_add(Self::slot_size(slot));
        (self.sequence, self.digest) = (sequence, digest);
        self.trust = Trust::Sound;
        Ok(())
    }

    /// An error when items of `total` bytes, the largest of `largest`, may not fit.
    ///
    /// The map moves one page's living items at a time and never mixes two pages, so that an item
    /// is sure to fit when the living ones would leave room for it on each page if they were
    /// spread evenly. Counting on no more, a write is refused before it has worn the flash, and
    /// there is always room for deletions.
    pub(super) fn room(&self, total: u32, largest: u32) -> Result<(), StorageError> {
        let data = largest.saturating_sub(Map::<F>::item_overhead_size());
        if largest > Self::page() || data as usize > self.item.len() {
            return Err(StorageError::full(
                "the value is larger than a page of this flash, or than half of the storage's buffer",
            ));
        }
        let after = self.used.saturating_add(total);
        if self.used > self.limit(largest) || after > self.limit(self.reserve()) {
            return Err(StorageError::full(
                "the flash has no room left: delete some values",
            ));
        }
        Ok(())
    }

    /// Likewise for the journal and a batch, whose items are written while the journal is there.
    pub(super) fn room_for_batch(&self, total: u32, largest: u32) -> Result<(), StorageError> {
        self.room(total, largest)?;
        if self.used.saturating_add(total) > self.limit(largest) {
            return Err(StorageError::full(
                "the flash has no room left for the batch: delete some values",
            ));
        }
        Ok(())
    }

    /// The bytes in flash of all newest items, and how many there can be.
    pub(super) fn usage(&self) -> (u32, u32) {
        (self.used, self.limit(self.reserve()))
    }

    /// The living bytes beside which an item of `size` is sure to fit.
    fn limit(&self, size: u32) -> u32 {
        // One page is always being emptied.
        self.pages()
            .saturating_sub(1)
            .saturating_mul(Self::page().saturating_sub(size))
    }

    /// What deletions, and the clearing of a namespace, need beside the values.
    fn reserve(&self) -> u32 {
        let longest = Body::Empty.item_len().saturating_add(1 + MAX_NAMESPACE);
        Self::size(longest).saturating_add(Self::size(Body::Empty.item_len()).saturating_mul(2))
    }

    /// A page's bytes for items.
    fn page() -> u32 {
        F::ERASE_SIZE.saturating_sub(Self::WORD.saturating_mul(2)) as u32
    }

    pub(super) fn slot_size(slot: &Slot) -> u32 {
        match slot.sequence {
            0 => 0,
            _ => Self::size(usize::from(slot.len)),
        }
    }

    /// The bytes that an item of this length takes in flash.
    pub(super) fn size(len: usize) -> u32 {
        let padded = len.saturating_add(Self::WORD).saturating_sub(1) / Self::WORD;
        let padded = padded.saturating_mul(Self::WORD);
        u32::try_from(padded)
            .unwrap_or(u32::MAX)
            .saturating_add(Map::<F>::item_overhead_size())
    }
}
