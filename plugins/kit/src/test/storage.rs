//! The storage in memory.

use std::borrow::ToOwned;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use kernel_core::storage::{BatchOp, PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{Error, Fault};

/// What is stored, by namespace and key, shared with the test that looks at it.
pub(super) type Rows = Rc<RefCell<BTreeMap<(String, String), Vec<u8>>>>;

/// What the storage was asked to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageWrites {
    /// Requests that were carried out: each a value, a deletion, or a batch, and one synchronisation with the disk.
    pub requests: u64,
    /// Values that were written or deleted.
    pub rows: u64,
    /// Bytes of these values and of their keys.
    pub bytes: u64,
}

/// What the storage does, shared with the test.
#[derive(Default)]
pub(super) struct Wear {
    pub(super) writes: Cell<StorageWrites>,
    /// Writes are refused, as a full disk refuses them.
    pub(super) is_full: Cell<bool>,
}

impl Wear {
    fn add(&self, rows: &[(&str, usize)]) {
        let mut writes = self.writes.get();
        writes.requests += 1;
        writes.rows += rows.len() as u64;
        writes.bytes += rows
            .iter()
            .map(|(key, value)| (key.len() + value) as u64)
            .sum::<u64>();
        self.writes.set(writes);
    }
}

pub(super) struct MemoryStorage {
    pub(super) rows: Rows,
    pub(super) wear: Rc<Wear>,
}

impl Storage for MemoryStorage {
    const GROUP: usize = 1;

    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        for request in group {
            request.result = self.one(request);
        }
    }
}

impl MemoryStorage {
    fn one(&mut self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        let reads = matches!(
            request.op,
            StorageOp::Get | StorageOp::ListKeys | StorageOp::Namespaces
        );
        if !reads && self.wear.is_full.get() {
            return Err(Error::new("storage_full", "the test's storage is full"));
        }
        let wear = &self.wear;
        let mut rows = self.rows.borrow_mut();
        let row = |key: &str| (request.namespace.to_owned(), key.to_owned());
        Ok(match request.op {
            StorageOp::Get => match rows.get(&row(request.key)) {
                Some(value) => {
                    let max = request.out.len() as u32;
                    let room = request.out.get_mut(..value.len());
                    room.ok_or(Fault::TooLarge { max })?.copy_from_slice(value);
                    Stored::Bytes(value.len())
                }
                None => Stored::Absent,
            },
            StorageOp::Set => {
                wear.add(&[(request.key, request.value.len())]);
                rows.insert(row(request.key), request.value.to_owned());
                Stored::Done
            }
            StorageOp::Delete => match rows.remove(&row(request.key)) {
                Some(_) => {
                    wear.add(&[(request.key, 0)]);
                    Stored::Done
                }
                None => Stored::Absent,
            },
            StorageOp::ListKeys | StorageOp::Namespaces => {
                let all = request.op == StorageOp::Namespaces;
                let here = rows
                    .keys()
                    .filter(|(namespace, _)| all || namespace == request.namespace);
                let mut names: Vec<&str> = here
                    .map(|(namespace, key)| if all { namespace.as_str() } else { key.as_str() })
                    .filter(|name| *name > request.key)
                    .collect();
                names.dedup();
                let mut page = PageWriter::new(request.out, request.limit);
                names.into_iter().all(|name| page.push(name));
                Stored::Bytes(page.len())
            }
            StorageOp::ClearNamespace => {
                let before = rows.len();
                rows.retain(|(namespace, _), _| namespace != request.namespace);
                wear.add(&vec![("", 0); before - rows.len()]);
                Stored::Count((before - rows.len()) as u32)
            }
            StorageOp::Batch => {
                let sizes = request.batch().map(|op| match op {
                    BatchOp::Set(key, value) => (key, value.len()),
                    BatchOp::Delete(key) => (key, 0),
                });
                wear.add(&sizes.collect::<Vec<_>>());
                for op in request.batch() {
                    match op {
                        BatchOp::Set(key, value) => drop(rows.insert(row(key), value.as_bytes().to_owned())),
                        BatchOp::Delete(key) => drop(rows.remove(&row(key))),
                    }
                }
                Stored::Done
            }
        })
    }
}
