//! Writes of several items: put into the journal whole, carried out, and taken out again.
//!
//! The journal is one item, and an item is in flash whole or not at all. From then on the batch is
//! decided: whoever opens the storage carries it out before anything else. Carrying it out again,
//! from any point, ends in the same.

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use super::log::{JOURNAL, Log};
use super::record::Body;
use super::{Ops, StorageError};

/// How many slots one pass over the log collects.
const PASS: usize = 32;

impl<F: NorFlash, const KEYS: usize> Log<'_, F, KEYS> {
    /// Writes a decision into the journal, carries it out, and clears the journal.
    pub(super) async fn decide(&mut self, body: Body<'_>) -> Result<u32, StorageError> {
        self.write(JOURNAL, body).await?;
        self.pending = true;
        self.carry_out(body).await
    }

    /// Carries out what the journal holds; how many values a clearing deleted.
    pub(super) async fn carry_out(&mut self, body: Body<'_>) -> Result<u32, StorageError> {
        let count = match body {
            Body::Batch { namespace, ops } => {
                self.apply(namespace, Ops(ops)).await?;
                0
            }
            Body::Clear { namespace } => self.clear(namespace).await?,
            Body::Empty | Body::Value { .. } => 0,
        };
        self.write(JOURNAL, Body::Empty).await?;
        self.pending = false;
        Ok(count)
    }

    /// Deletions first: they free the slots that the values need. Only the last operation on a
    /// key counts, so that a batch that is carried out again never needs more than the first time.
    async fn apply(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError> {
        for (key, value) in last_of_each_key(ops) {
            if value.is_none()
                && let Some(found) = self.find(namespace, key, &mut []).await?
            {
                self.write(found.slot, Body::Empty).await?;
            }
        }
        for (key, value) in last_of_each_key(ops) {
            if let Some(value) = value {
                let slot = match self.find(namespace, key, &mut []).await? {
                    Some(found) => found.slot,
                    None => self.free_slot()?,
                };
                let value = value.as_bytes();
                let body = Body::Value {
                    namespace,
                    key,
                    value,
                };
                self.write(slot, body).await?;
            }
        }
        Ok(())
    }

    async fn clear(&mut self, namespace: &str) -> Result<u32, StorageError> {
        let mut count = 0u32;
        loop {
            let slots = self.slots_of(namespace).await?;
            for slot in &slots {
                self.write(*slot, Body::Empty).await?;
                count = count.saturating_add(1);
            }
            if !slots.is_full() {
                return Ok(count);
            }
        }
    }

    /// The first slots that hold values of the namespace.
    pub(super) async fn slots_of(&mut self, namespace: &str) -> Result<Vec<u16, PASS>, StorageError> {
        let mut slots = Vec::new();
        self.each_name(|number, its_namespace, _| {
            if its_namespace == namespace {
                // There is room: the walk ends when it is full.
                slots.push(number).unwrap_or(());
            }
            !slots.is_full()
        })
        .await?;
        Ok(slots)
    }

    /// An error when the batch may not fit: it is never decided and then stuck.
    pub(super) async fn check_batch(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError> {
        let journal = Body::Batch {
            namespace,
            ops: ops.0,
        };
        let mut largest = Self::size(journal.item_len());
        let mut total = largest.saturating_add(Self::size(Body::Empty.item_len()));
        let (mut added, mut deleted) = (0usize, 0usize);
        for (key, value) in last_of_each_key(ops) {
            let found = self.find(namespace, key, &mut []).await?;
            let size = match value {
                Some(value) => {
                    added = added.saturating_add(usize::from(found.is_none()));
                    let value = value.as_bytes();
                    Body::Value {
                        namespace,
                        key,
                        value,
                    }
                    .item_len()
                }
                None => {
                    deleted = deleted.saturating_add(usize::from(found.is_some()));
                    Body::Empty.item_len()
                }
            };
            largest = largest.max(Self::size(size));
            total = total.saturating_add(Self::size(size));
        }
        let free = KEYS.saturating_sub(self.count() as usize);
        if added > free.saturating_add(deleted) {
            return Err(StorageError::full(
                "the batch needs more keys than are free: delete some",
            ));
        }
        self.room_for_batch(total, largest)
    }
}

/// The operations that no later one of the same key undoes.
fn last_of_each_key<'o>(
    mut ops: Ops<'o>,
) -> impl Iterator<Item = (&'o str, Option<crate::json::Json<'o>>)> + use<'o> {
    core::iter::from_fn(move || {
        loop {
            let (key, value) = ops.next()?;
            let mut later = ops;
            if !later.any(|(other, _)| other == key) {
                return Some((key, value));
            }
        }
    })
}
