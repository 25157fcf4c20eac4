//! A storage in memory, of fixed capacity: for tests, and for chips without flash.

use heapless::{String, Vec};

use super::{MAX_NAMESPACE, Names, Ops, Storage, StorageError};
use crate::json::Json;

/// Up to `ROWS` values of up to `VALUE` bytes, with keys of up to `KEY` bytes; lost with the power.
///
/// ```
/// use kernel_core::storage::MemoryStorage;
/// let storage = MemoryStorage::<16, 32, 128>::new();
/// assert_eq!(storage.len(), 0);
/// ```
#[derive(Debug, Default)]
pub struct MemoryStorage<const ROWS: usize, const KEY: usize, const VALUE: usize> {
    rows: Vec<Row<KEY, VALUE>, ROWS>,
}

#[derive(Clone, Debug)]
struct Row<const KEY: usize, const VALUE: usize> {
    namespace: String<MAX_NAMESPACE, u8>,
    key: String<KEY>,
    value: Vec<u8, VALUE>,
}

impl<const ROWS: usize, const KEY: usize, const VALUE: usize> MemoryStorage<ROWS, KEY, VALUE> {
    /// An empty storage.
    pub const fn new() -> Self {
        MemoryStorage { rows: Vec::new() }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn find(&self, namespace: &str, key: &str) -> Option<usize> {
        self.rows
            .iter()
            .position(|row| row.namespace == namespace && row.key == key)
    }

    /// Refuses what does not fit into a row.
    fn check(key: &str, value: Json<'_>) -> Result<(), StorageError> {
        if key.len() > KEY {
            return Err(StorageError::full("the key is longer than this storage keeps"));
        }
        if value.len() > VALUE {
            return Err(StorageError::full("the value is longer than this storage keeps"));
        }
        Ok(())
    }

    fn put(&mut self, namespace: &str, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        Self::check(key, value)?;
        let index = match self.find(namespace, key) {
            Some(index) => index,
            None => {
                let mut row = Row {
                    namespace: String::new(),
                    key: String::new(),
                    value: Vec::new(),
                };
                row.namespace
                    .push_str(namespace)
                    .map_err(|_| StorageError::Name)?;
                // It was checked to fit.
                let _ = row.key.push_str(key);
                self.rows
                    .push(row)
                    .map_err(|_| StorageError::full("all rows of this storage are taken: delete some"))?;
                self.rows.len().wrapping_sub(1)
            }
        };
        if let Some(row) = self.rows.get_mut(index) {
            row.value.clear();
            // It was checked to fit.
            let _ = row.value.extend_from_slice(value.as_bytes());
        }
        Ok(())
    }

    fn remove(&mut self, namespace: &str, key: &str) -> bool {
        let found = self.find(namespace, key);
        if let Some(index) = found {
            self.take_out(index);
        }
        found.is_some()
    }

    fn take_out(&mut self, index: usize) {
        // The last one takes its place, unless it is the last. (Swapped: to move it, a chip would need
        // the library's function for stretches that overlap.)
        if let Some(mut last) = self.rows.pop()
            && let Some(row) = self.rows.get_mut(index)
        {
            core::mem::swap(row, &mut last);
        }
    }

    /// The smallest name after `after` that `pick` gives.
    fn after<'a>(
        &'a self,
        after: &str,
        pick: impl Fn(&'a Row<KEY, VALUE>) -> Option<&'a str>,
    ) -> Option<&'a str> {
        self.rows
            .iter()
            .filter_map(pick)
            .filter(|name| *name > after)
            .min()
    }

    fn fill<'a>(
        &'a self,
        mut after: &'a str,
        page: &mut Names<'_>,
        pick: impl Fn(&'a Row<KEY, VALUE>) -> Option<&'a str>,
    ) {
        while let Some(name) = self.after(after, &pick) {
            if !page.push(name) {
                break;
            }
            after = name;
        }
    }
}

impl<const ROWS: usize, const KEY: usize, const VALUE: usize> Storage for MemoryStorage<ROWS, KEY, VALUE> {
    async fn get(
        &mut self,
        namespace: &str,
        key: &str,
        to: &mut [u8],
    ) -> Result<Option<usize>, StorageError> {
        let Some(row) = self.find(namespace, key).and_then(|index| self.rows.get(index)) else {
            return Ok(None);
        };
        let (len, max) = (row.value.len(), to.len());
        to.get_mut(..len)
            .ok_or(StorageError::Buffer { len, max })?
            .copy_from_slice(&row.value);
        Ok(Some(len))
    }

    async fn set(&mut self, namespace: &str, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        self.put(namespace, key, value)
    }

    async fn delete(&mut self, namespace: &str, key: &str) -> Result<bool, StorageError> {
        Ok(self.remove(namespace, key))
    }

    async fn list_keys(
        &mut self,
        namespace: &str,
        after: &str,
        page: &mut Names<'_>,
    ) -> Result<(), StorageError> {
        self.fill(after, page, |row| {
            (row.namespace == namespace).then_some(row.key.as_str())
        });
        Ok(())
    }

    async fn namespaces(&mut self, after: &str, page: &mut Names<'_>) -> Result<(), StorageError> {
        self.fill(after, page, |row| Some(row.namespace.as_str()));
        Ok(())
    }

    async fn clear_namespace(&mut self, namespace: &str) -> Result<u32, StorageError> {
        let mut count = 0u32;
        while let Some(index) = self.rows.iter().position(|row| row.namespace == namespace) {
            self.take_out(index);
            count = count.wrapping_add(1);
        }
        Ok(count)
    }

    async fn batch(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError> {
        // Counted before anything is changed, each operation on top of those before it.
        let mut room = ROWS.saturating_sub(self.rows.len());
        for (index, (key, value)) in ops.enumerate() {
            let before = ops.take(index).filter(|(other, _)| *other == key).last();
            let present = match before {
                Some((_, value)) => value.is_some(),
                None => self.find(namespace, key).is_some(),
            };
            match value {
                Some(value) => {
                    Self::check(key, value)?;
                    if !present {
                        let full = || StorageError::full("the batch needs more rows than are free");
                        room = room.checked_sub(1).ok_or_else(full)?;
                    }
                }
                None => room = room.saturating_add(present as usize),
            }
        }
        for (key, value) in ops {
            match value {
                Some(value) => self.put(namespace, key, value)?,
                None => {
                    self.remove(namespace, key);
                }
            }
        }
        Ok(())
    }
}
