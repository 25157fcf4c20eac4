//! A storage in memory, which a test can make fail.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use kernel_core::Error;
use kernel_core::storage::{BatchOp, PageWriter, Storage, StorageOp, StorageRequest, Stored};

/// What is stored, shared with the test that looks at it.
#[derive(Clone, Default)]
pub struct Rows(pub Rc<RefCell<Table>>);

/// Namespace and key to value.
pub type Table = BTreeMap<(String, String), Vec<u8>>;

impl Rows {
    pub fn put(&self, namespace: &str, key: &str, value: &[u8]) {
        self.0
            .borrow_mut()
            .insert((namespace.to_owned(), key.to_owned()), value.to_vec());
    }
}

/// The storage on these rows.
#[derive(Default)]
pub struct MemoryStorage {
    pub rows: Rows,
    /// The sizes of the groups that came.
    pub groups: Rc<RefCell<Vec<usize>>>,
    /// A key that cannot be stored.
    pub broken: Option<&'static str>,
}

impl Storage for MemoryStorage {
    const GROUP: usize = 8;

    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        self.groups.borrow_mut().push(group.len());
        for request in group {
            request.result = self.one(request);
        }
    }
}

impl MemoryStorage {
    fn one(&self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        let (namespace, key) = (request.namespace, request.key);
        let row = (namespace.to_owned(), key.to_owned());
        let fails = |key: &str| self.broken == Some(key);
        let failed = || Error::new("storage_failed", "the disk is on fire");
        if fails(key) {
            return Err(failed());
        }
        let mut rows = self.rows.0.borrow_mut();
        match request.op {
            StorageOp::Get => match rows.get(&row) {
                Some(value) => {
                    let room = request.out.get_mut(..value.len()).ok_or_else(failed)?;
                    room.copy_from_slice(value);
                    Ok(Stored::Bytes(value.len()))
                }
                None => Ok(Stored::Absent),
            },
            StorageOp::Set => {
                rows.insert(row, request.value.to_vec());
                Ok(Stored::Done)
            }
            StorageOp::Delete => Ok(match rows.remove(&row) {
                Some(_) => Stored::Done,
                None => Stored::Absent,
            }),
            StorageOp::ListKeys | StorageOp::Namespaces => {
                let all = request.op == StorageOp::Namespaces;
                let mut names: Vec<&str> = rows
                    .keys()
                    .filter(|(other, _)| all || other == namespace)
                    .map(|(namespace, key)| if all { namespace.as_str() } else { key.as_str() })
                    .filter(|name| *name > key)
                    .collect();
                names.dedup();
                let mut page = PageWriter::new(request.out, request.limit);
                for name in names {
                    if !page.push(name) {
                        break;
                    }
                }
                Ok(Stored::Bytes(page.len()))
            }
            StorageOp::ClearNamespace => {
                let before = rows.len();
                rows.retain(|(other, _), _| other != namespace);
                Ok(Stored::Count((before - rows.len()) as u32))
            }
            StorageOp::Batch => {
                let ops: Vec<_> = request.batch().collect();
                if ops
                    .iter()
                    .any(|op| matches!(op, BatchOp::Set(key, _) | BatchOp::Delete(key) if fails(key)))
                {
                    return Err(failed());
                }
                for op in ops {
                    match op {
                        BatchOp::Set(key, value) => {
                            rows.insert((namespace.to_owned(), key.to_owned()), value.as_bytes().to_vec());
                        }
                        BatchOp::Delete(key) => {
                            rows.remove(&(namespace.to_owned(), key.to_owned()));
                        }
                    }
                }
                Ok(Stored::Done)
            }
        }
    }
}
