//! Storage requests as the bytes of a call.
//!
//! ```text
//! byte 0     what to do
//!      1     bytes of the namespace
//!      2     bytes of the key
//!      3, 4  how many names a page may have
//!      5, 6  how many bytes a page may have
//!      ..    the namespace, the key, the value
//! ```

use super::{MAX_NAMESPACE, MAX_STORAGE_KEY, StorageOp};
use crate::fault::{Fault, NameFault};
use crate::json::Json;

/// Bytes before the names.
pub(crate) const HEAD: usize = 7;

/// The most operations in one batch.
pub const MAX_BATCH: usize = 16;

/// What a request says besides its texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) op: StorageOp,
    pub(crate) namespace: u8,
    pub(crate) key: u8,
    pub(crate) limit: u16,
    pub(crate) room: u16,
}

impl Head {
    /// The head of a request, its names checked.
    pub(crate) fn new(op: StorageOp, namespace: &str, key: &str, limit: u16) -> Result<Head, Fault> {
        let wants_key = matches!(op, StorageOp::Get | StorageOp::Set | StorageOp::Delete);
        if op != StorageOp::Namespaces {
            check(namespace, MAX_NAMESPACE, true)?;
        }
        check(key, MAX_STORAGE_KEY, wants_key)?;
        Ok(Head {
            op,
            namespace: namespace.len() as u8,
            key: key.len() as u8,
            limit,
            room: u16::MAX,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD] {
        let ([low, high], [a, b]) = (self.limit.to_le_bytes(), self.room.to_le_bytes());
        [self.op as u8, self.namespace, self.key, low, high, a, b]
    }

    pub(crate) fn from_bytes(bytes: [u8; HEAD]) -> Option<Head> {
        let [op, namespace, key, low, high, a, b] = bytes;
        let op = match op {
            0 => StorageOp::Get,
            1 => StorageOp::Set,
            2 => StorageOp::Delete,
            3 => StorageOp::ListKeys,
            4 => StorageOp::Namespaces,
            5 => StorageOp::ClearNamespace,
            6 => StorageOp::Batch,
            _ => return None,
        };
        Some(Head {
            op,
            namespace,
            key,
            limit: u16::from_le_bytes([low, high]),
            room: u16::from_le_bytes([a, b]),
        })
    }
}

/// What comes before the namespace, the key and the value in the arguments of a call of [`STORAGE`](super::STORAGE),
/// for whoever passes requests on as calls.
///
/// # Errors
/// [`Fault::Name`] for a namespace or key that no storage takes.
pub fn request_head(op: StorageOp, namespace: &str, key: &str, limit: u16) -> Result<[u8; HEAD], Fault> {
    Head::new(op, namespace, key, limit).map(Head::to_bytes)
}

/// The namespace in the arguments of a call of [`STORAGE`](super::STORAGE), copied into `buf`, for whoever checks what
/// a caller may do; `None` when they are no storage request.
pub fn request_namespace<'b>(args: (&[u8], &[&[u8]]), buf: &'b mut [u8; MAX_NAMESPACE]) -> Option<&'b str> {
    let mut bytes = [args.0].into_iter().chain(args.1.iter().copied()).flatten();
    let mut head = [0; HEAD];
    for to in &mut head {
        *to = *bytes.next()?;
    }
    let namespace = buf.get_mut(..Head::from_bytes(head)?.namespace as usize)?;
    for to in namespace.iter_mut() {
        *to = *bytes.next()?;
    }
    core::str::from_utf8(namespace).ok()
}

/// A namespace or key: any UTF-8 without control characters.
fn check(name: &str, most: usize, needed: bool) -> Result<(), Fault> {
    let fault = |why, at: usize| Err(Fault::Name { why, at: at as u32 });
    if name.len() > most {
        return fault(NameFault::TooLong, most);
    }
    if needed && name.is_empty() {
        return fault(NameFault::Empty, 0);
    }
    match name.bytes().position(|byte| byte < b' ' || byte == 0x7f) {
        Some(at) => fault(NameFault::Character, at),
        None => Ok(()),
    }
}

/// One operation of an atomic batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum BatchOp<'a> {
    /// Stores a value.
    Set(&'a str, Json<'a>),
    /// Deletes a value.
    Delete(&'a str),
}

impl BatchOp<'_> {
    /// The operation's head: what to do, bytes of the key, bytes of the value.
    pub(crate) fn head(&self) -> Result<[u8; 6], Fault> {
        let (op, key, value) = match self {
            BatchOp::Set(key, value) => (1, key, value.as_bytes().len()),
            BatchOp::Delete(key) => (2, key, 0),
        };
        check(key, MAX_STORAGE_KEY, true)?;
        let [a, b, c, d] = (value as u32).to_le_bytes();
        Ok([op, key.len() as u8, a, b, c, d])
    }
}

/// The operations of a batch as the storage sees them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a>(&'a [u8]);

impl<'a> Batch<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Batch(bytes)
    }

    /// True when every operation can be read, and every value is JSON.
    pub(crate) fn is_whole(self) -> bool {
        let mut rest = self;
        for op in rest.by_ref() {
            if let BatchOp::Set(_, value) = op
                && crate::json::check(value.as_bytes()).is_err()
            {
                return false;
            }
        }
        rest.0.is_empty()
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = BatchOp<'a>;

    fn next(&mut self) -> Option<BatchOp<'a>> {
        let ([op, key, a, b, c, d], rest) = self.0.split_first_chunk::<6>()?;
        let (key, rest) = rest.split_at_checked(*key as usize)?;
        let key = core::str::from_utf8(key).ok()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes([*a, *b, *c, *d]) as usize)?;
        let op = match op {
            1 => BatchOp::Set(key, Json::trusted(value)),
            2 => BatchOp::Delete(key),
            _ => return None,
        };
        self.0 = rest;
        Some(op)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_of_a_request_is_found_however_it_is_cut() {
        let head = request_head(StorageOp::Set, "lamps", "key", 0).unwrap();
        let whole = [&head[..], b"lampskey1"].concat();
        let mut buf = [0; MAX_NAMESPACE];
        for cut in 0..=whole.len() {
            let (first, rest) = whole.split_at(cut);
            assert_eq!(request_namespace((first, &[rest]), &mut buf), Some("lamps"));
        }
        for len in 0..HEAD + 5 {
            assert_eq!(request_namespace((&whole[..len], &[]), &mut buf), None);
        }
        let mut other = whole;
        other[0] = 7;
        assert_eq!(request_namespace((&other, &[]), &mut buf), None);
        other[..2].copy_from_slice(&[0, 65]);
        other.resize(200, b'x');
        assert_eq!(request_namespace((&other, &[]), &mut buf), None);
    }
}
