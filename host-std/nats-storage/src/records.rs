//! What a bucket holds beside rows: who writes in it, and the batch that is being carried out.

use kernel_core::Error;
use kernel_core::storage::{Batch, BatchOp, StorageOp, StorageRequest, Stored};
use serde::{Deserialize, Serialize};

/// Who writes in a bucket. Whoever takes it replaces this record; each write expects that nothing came after the
/// writer's own last one, so that of two writers one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Chosen at random by each storage that is opened.
    pub(crate) id: String,
    /// The lease that allowed it; 0 without one.
    pub(crate) token: u64,
    /// Which doubt about writes this record ended.
    pub(crate) doubt: u64,
    /// Who that is, for people.
    pub(crate) holder: String,
}

/// What is carried out all or not at all, however many rows it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whole {
    /// The operations of a batch, as the request had them.
    Batch { namespace: String, ops: Vec<u8> },
    /// All rows of a namespace are deleted.
    Clear { namespace: String },
}

impl Whole {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (kind, namespace, ops) = match self {
            Whole::Batch { namespace, ops } => (b'B', namespace, &ops[..]),
            Whole::Clear { namespace } => (b'C', namespace, &[][..]),
        };
        let mut bytes = vec![kind, namespace.len() as u8];
        bytes.extend_from_slice(namespace.as_bytes());
        bytes.extend_from_slice(ops);
        bytes
    }

    /// What these bytes say; `None` when they are damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Whole> {
        let ([kind, len], rest) = bytes.split_first_chunk::<2>()?;
        let (namespace, ops) = rest.split_at_checked((*len).into())?;
        let namespace = std::str::from_utf8(namespace).ok()?.to_owned();
        match kind {
            b'B' => Some(Whole::Batch {
                namespace,
                ops: ops.to_vec(),
            }),
            b'C' if ops.is_empty() => Some(Whole::Clear { namespace }),
            _ => None,
        }
    }
}

/// The operations in the bytes of a batch.
pub(crate) fn operations(ops: &[u8]) -> Batch<'_> {
    StorageRequest {
        op: StorageOp::Batch,
        namespace: "",
        key: "",
        value: ops,
        limit: 0,
        out: &mut [],
        result: Ok::<Stored, Error>(Stored::Done),
    }
    .batch()
}

/// A row that an operation writes: its key, and its value unless it is deleted.
pub(crate) fn written<'a>(op: &BatchOp<'a>) -> (&'a str, Option<&'a [u8]>) {
    match op {
        BatchOp::Set(key, value) => (key, Some(value.as_bytes())),
        BatchOp::Delete(key) => (key, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_out_comes_back_and_damage_is_seen() {
        let batch = Whole::Batch {
            namespace: "näme".to_owned(),
            ops: vec![1, 1, 1, 0, 0, 0, b'k', b'5', 2, 1, 0, 0, 0, 0, b'd'],
        };
        let clear = Whole::Clear {
            namespace: "n".to_owned(),
        };
        for whole in [&batch, &clear] {
            assert_eq!(Whole::from_bytes(&whole.to_bytes()).as_ref(), Some(whole));
        }
        for bytes in [
            &b""[..],
            b"B",
            b"B\x05abc",
            b"X\x01n",
            b"C\x01nmore",
            b"B\x01\xff",
        ] {
            assert_eq!(Whole::from_bytes(bytes), None, "{bytes:?}");
        }
        let Whole::Batch { ops, .. } = batch else {
            unreachable!()
        };
        let rows: Vec<_> = operations(&ops).map(|op| written(&op)).collect();
        assert_eq!(rows, [("k", Some(&b"5"[..])), ("d", None)]);
    }
}
