//! A storage in RAM, for boards that keep nothing over a loss of power.

use heapless::{String, Vec};
use kernel_core::storage::{BatchOp, PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{Error, corrupt};

/// The longest namespace and key, in bytes.
const NAME: usize = 32;

/// At most `ROWS` values of at most `VALUE` bytes.
#[derive(Default)]
pub struct RamStorage<const ROWS: usize, const VALUE: usize> {
    rows: Vec<Row<VALUE>, ROWS>,
}

struct Row<const VALUE: usize> {
    namespace: String<NAME>,
    key: String<NAME>,
    value: Vec<u8, VALUE>,
}

impl<const ROWS: usize, const VALUE: usize> Storage for RamStorage<ROWS, VALUE> {
    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        for request in group {
            request.result = self.one(request);
        }
    }
}

impl<const ROWS: usize, const VALUE: usize> RamStorage<ROWS, VALUE> {
    /// An empty storage.
    pub const fn new() -> Self {
        RamStorage { rows: Vec::new() }
    }

    fn one(&mut self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        let (namespace, key) = (request.namespace, request.key);
        match request.op {
            StorageOp::Get => {
                let Some(row) = self.find(namespace, key).and_then(|index| self.rows.get(index)) else {
                    return Ok(Stored::Absent);
                };
                let len = row.value.len();
                let room = request.out.get_mut(..len).ok_or(corrupt(namespace, key))?;
                room.copy_from_slice(&row.value);
                Ok(Stored::Bytes(len))
            }
            StorageOp::Set => {
                self.room(usize::from(self.find(namespace, key).is_none()))?;
                self.set(namespace, key, request.value)
            }
            StorageOp::Delete => Ok(self.delete(namespace, key)),
            StorageOp::ListKeys | StorageOp::Namespaces => {
                let all = request.op == StorageOp::Namespaces;
                let mut page = PageWriter::new(request.out, request.limit);
                let mut last = key;
                // The next name after the last one, until there is none, or no room for it.
                while let Some(next) = self.after(namespace, last, all) {
                    if !page.push(next) {
                        break;
                    }
                    last = next;
                }
                Ok(Stored::Bytes(page.len()))
            }
            StorageOp::ClearNamespace => {
                let before = self.rows.len();
                self.rows.retain(|row| row.namespace != namespace);
                Ok(Stored::Count((before - self.rows.len()) as u32))
            }
            StorageOp::Batch => {
                let sets = request.batch().filter(|op| matches!(op, BatchOp::Set(..)));
                let mut new = 0;
                for op in sets {
                    if let BatchOp::Set(key, value) = op {
                        check(namespace, key, value.as_bytes(), VALUE)?;
                        new += usize::from(self.find(namespace, key).is_none());
                    }
                }
                self.room(new)?;
                for op in request.batch() {
                    match op {
                        BatchOp::Set(key, value) => self.set(namespace, key, value.as_bytes())?,
                        BatchOp::Delete(key) => self.delete(namespace, key),
                    };
                }
                Ok(Stored::Done)
            }
        }
    }

    fn find(&self, namespace: &str, key: &str) -> Option<usize> {
        self.rows
            .iter()
            .position(|row| row.namespace == namespace && row.key == key)
    }

    fn after(&self, namespace: &str, last: &str, all: bool) -> Option<&str> {
        let names = self
            .rows
            .iter()
            .filter(|row| all || row.namespace == namespace)
            .map(|row| {
                if all {
                    row.namespace.as_str()
                } else {
                    row.key.as_str()
                }
            });
        names.filter(|name| *name > last).min()
    }

    /// Room for so many more rows.
    fn room(&self, new: usize) -> Result<(), Error> {
        if self.rows.len() + new > ROWS {
            return Err(Error::new(
                "full",
                "the storage holds as many values as it can: delete some",
            ));
        }
        Ok(())
    }

    fn set(&mut self, namespace: &str, key: &str, value: &[u8]) -> Result<Stored, Error> {
        check(namespace, key, value, VALUE)?;
        self.delete(namespace, key);
        let row = Row {
            namespace: namespace.try_into().unwrap_or_default(),
            key: key.try_into().unwrap_or_default(),
            value: Vec::from_slice(value).unwrap_or_default(),
        };
        // There is room: see where this is called.
        let _ = self.rows.push(row);
        Ok(Stored::Done)
    }

    fn delete(&mut self, namespace: &str, key: &str) -> Stored {
        match self.find(namespace, key) {
            Some(index) => {
                self.rows.swap_remove(index);
                Stored::Done
            }
            None => Stored::Absent,
        }
    }
}

/// Refuses what has no room in a row.
fn check(namespace: &str, key: &str, value: &[u8], most: usize) -> Result<(), Error> {
    if namespace.len() > NAME || key.len() > NAME || value.len() > most {
        return Err(Error::new(
            "too_large",
            "the name or the value is longer than this storage takes",
        ));
    }
    Ok(())
}
