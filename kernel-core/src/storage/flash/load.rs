//! Reading the whole log, and ending an erasing that was cut.
//!
//! The map moves the living items of its oldest page to a fresh one, and then erases the old one.
//! When that erasing is cut it knows only one outcome: the page's first word blank, its last word
//! not. A chip erases all words of a page at once, so that any mixture may be left, and the map
//! might take it for a page that is still to be moved and erase the fresh one. So what is left is
//! judged here, before the map does anything, by what the items themselves say.

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;

use super::StorageError;
use super::errors::{broken_flash, failure, small_buffer};
use super::log::{JOURNAL, Log, Slot, Trust};
use super::record::{Body, Record, digest_of};

/// What a page's first and last word say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Never written since it was erased; or its erasing was cut.
    Open,
    /// Being written.
    Partial,
    /// Written.
    Closed,
    /// Its erasing was cut.
    Torn,
}

/// What one walk over the log finds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Census {
    /// The highest sequence, and the digest written with it.
    newest: u32,
    written: u32,
    /// The digest of what is there.
    digest: u32,
}

impl Census {
    fn is_sound(&self) -> bool {
        self.digest == self.written
    }
}

impl<F: NorFlash, const KEYS: usize> Log<'_, F, KEYS> {
    /// Reads the whole log, where memory may not agree with it, and ends what was cut.
    pub(super) async fn load(&mut self) -> Result<(), StorageError> {
        if self.trust != Trust::Unsure {
            return Ok(());
        }
        self.show_all();
        let (mut census, mut twice) = match self.find_page(Page::Torn).await? {
            Some(torn) => {
                self.hide(torn.clone());
                let (census, twice) = self.census().await?;
                // Nothing is touched where nothing was understood.
                if census.newest > 0 && census.is_sound() {
                    self.erase_page(torn).await?;
                    self.show_all();
                }
                (census, twice)
            }
            None => self.census().await?,
        };
        if census.newest == 0 {
            self.show_all();
            if !self.is_fresh().await? {
                return Err(StorageError::corrupt(
                    "the flash is not empty, and holds nothing that this storage wrote: format it",
                ));
            }
        } else if census.is_sound() {
            if self.end_moving(census).await? {
                (census, twice) = self.census().await?;
            }
            self.blank_open_pages().await?;
        }
        self.sequence = census.newest;
        self.digest = census.digest;
        self.used = self
            .slots
            .iter()
            .chain([&self.journal])
            .fold(0u32, |used, slot| used.saturating_add(Self::slot_size(slot)));
        self.trust = if census.is_sound() {
            Trust::Sound
        } else {
            Trust::Damaged
        };
        if twice && !self.pending && self.trust == Trust::Sound {
            // The moving of a page was cut. The map begins it again before it writes anything.
            self.write(JOURNAL, Body::Empty).await?;
        }
        Ok(())
    }

    /// Puts into memory what the log holds; true, too, when an item is there twice.
    async fn census(&mut self) -> Result<(Census, bool), StorageError> {
        self.journal = Slot::UNUSED;
        self.slots = [Slot::UNUSED; KEYS];
        self.pending = false;
        let (mut newest, mut written, mut twice) = (0, 0, false);
        let mut items = self.map.fetch_all_items(self.item).await.map_err(failure)?;
        while let Some((number, record)) = items.next::<Record<'_>>(self.item).await.map_err(failure)? {
            if record.sequence > newest {
                (newest, written) = (record.sequence, record.digest);
            }
            let slot = match number.checked_sub(1) {
                None => &mut self.journal,
                Some(index) => self.slots.get_mut(usize::from(index)).ok_or_else(|| {
                    StorageError::failed("the flash holds more keys than this storage was built for")
                })?,
            };
            twice |= slot.sequence == record.sequence;
            if record.sequence > slot.sequence {
                *slot = Slot::of(&record);
                if number == JOURNAL {
                    self.pending = !matches!(record.body, Body::Empty);
                }
            }
        }
        let digest = self
            .slots
            .iter()
            .chain([&self.journal])
            .fold(0, |digest, slot| digest ^ digest_of(slot.sequence));
        let census = Census {
            newest,
            written,
            digest,
        };
        Ok((census, twice))
    }

    /// Where a page follows the one that is being written and is not open, it is being moved or
    /// being erased. It is erased if the log says the same without it: then all was moved.
    ///
    /// True when the log has to be read again.
    async fn end_moving(&mut self, all: Census) -> Result<bool, StorageError> {
        let (pages, mut looked) = (self.pages(), false);
        for index in 0..pages {
            let before = index.checked_sub(1).unwrap_or(pages.saturating_sub(1));
            let next = index.saturating_add(1).checked_rem(pages).unwrap_or(0);
            let (before, next) = (self.page_range(before), self.page_range(next));
            let partial = self.page_state(&self.page_range(index)).await? == Page::Partial;
            if !partial || self.page_state(&next).await? == Page::Open {
                continue;
            }
            // Of three pages or more, the page that is being erased may look as if it were written.
            if pages > 2 && self.page_state(&before).await? == Page::Partial {
                continue;
            }
            self.hide(next.clone());
            let without = self.census().await;
            self.show_all();
            looked = true;
            if without?.0 == all {
                self.erase_page(next).await?;
                break;
            }
        }
        Ok(looked)
    }

    /// Erases the open pages in which something is left.
    async fn blank_open_pages(&mut self) -> Result<(), StorageError> {
        for index in 0..self.pages() {
            let page = self.page_range(index);
            if self.page_state(&page).await? == Page::Open && !self.is_blank(page.clone()).await? {
                self.erase_page(page).await?;
            }
        }
        Ok(())
    }

    /// True when all pages but the first are blank: the very first write may have been cut.
    async fn is_fresh(&mut self) -> Result<bool, StorageError> {
        let range = self.map.flash_range();
        self.is_blank(self.page_range(0).end..range.end).await
    }

    async fn is_blank(&mut self, range: Range<u32>) -> Result<bool, StorageError> {
        let chunk = (self.item.len() / Self::WORD).saturating_mul(Self::WORD);
        let mut at = range.start;
        while at < range.end {
            let len = chunk.min(range.end.saturating_sub(at) as usize);
            let bytes = self.item.get_mut(..len).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or_else(small_buffer)?;
            let read = self.map.flash().flash.read(at, bytes).await;
            read.map_err(|_| broken_flash())?;
            if bytes.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
            at = at.saturating_add(len as u32);
        }
        Ok(true)
    }

    async fn find_page(&mut self, state: Page) -> Result<Option<Range<u32>>, StorageError> {
        for index in 0..self.pages() {
            let page = self.page_range(index);
            if self.page_state(&page).await? == state {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// What the map takes a page for.
    async fn page_state(&mut self, page: &Range<u32>) -> Result<Page, StorageError> {
        let last = page.end.saturating_sub(F::READ_SIZE as u32);
        let (first, last) = (self.is_marked(page.start).await?, self.is_marked(last).await?);
        Ok(match (first, last) {
            (false, false) => Page::Open,
            (true, false) => Page::Partial,
            (true, true) => Page::Closed,
            (false, true) => Page::Torn,
        })
    }

    async fn is_marked(&mut self, at: u32) -> Result<bool, StorageError> {
        let bytes = self.item.get_mut(..F::READ_SIZE).ok_or_else(small_buffer)?;
        let read = self.map.flash().flash.read(at, bytes).await;
        read.map_err(|_| broken_flash())?;
        let zeros = bytes
            .iter()
            .fold(0u32, |zeros, byte| zeros.saturating_add(byte.count_zeros()));
        Ok(zeros >= 4)
    }

    pub(super) async fn erase_page(&mut self, page: Range<u32>) -> Result<(), StorageError> {
        let erased = self.map.flash().flash.erase(page.start, page.end).await;
        erased.map_err(|_| broken_flash())
    }

    pub(super) fn pages(&self) -> u32 {
        let range = self.map.flash_range();
        let page = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        range
            .end
            .saturating_sub(range.start)
            .checked_div(page)
            .unwrap_or(0)
    }

    fn page_range(&self, index: u32) -> Range<u32> {
        let page = F::ERASE_SIZE as u32;
        let start = index
            .saturating_mul(page)
            .saturating_add(self.map.flash_range().start);
        start..start.saturating_add(page)
    }

    fn hide(&mut self, page: Range<u32>) {
        self.map.flash().hidden = page;
    }

    fn show_all(&mut self) {
        self.map.flash().hidden = 0..0;
    }
}
