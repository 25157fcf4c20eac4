//! The storage in memory.

use std::borrow::ToOwned;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use kernel_core::storage::{BatchOp, PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{Error, Fault};

/// What is stored, by namespace and key, shared with the test that looks at it.
pub(super) type Rows = Rc<RefCell<BTreeMap<(String, String), Vec<u8>>>>;

pub(super) struct MemoryStorage(pub(super) Rows);

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
        let mut rows = self.0.borrow_mut();
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
                rows.insert(row(request.key), request.value.to_owned());
                Stored::Done
            }
            StorageOp::Delete => match rows.remove(&row(request.key)) {
                Some(_) => Stored::Done,
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
                Stored::Count((before - rows.len()) as u32)
            }
            StorageOp::Batch => {
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
