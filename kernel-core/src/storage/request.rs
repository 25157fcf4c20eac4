//! Storage requests as bytes in a call's buffer.
//!
//! ```text
//!   namespace  key  value            get, set, delete, clear
//!   namespace  after  limit(2)       list_keys, namespaces
//!   namespace  op op op …            batch; op: kind(1) key len(1) value len(4) key value
//!   more(1)  len(1) name  …          the reply to a list
//! ```

use super::{BatchOp, Op};
use crate::json::Json;

/// A request, copied out of its call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'b> {
    pub(crate) op: Op,
    pub(crate) namespace: &'b str,
    pub(crate) key: &'b str,
    pub(crate) value: &'b [u8],
}

/// The operations of an atomic batch, in order.
///
/// Iterate to get each key with its value, or `None` for a deletion.
#[derive(Clone, Copy, Debug)]
pub struct Ops<'b>(pub(crate) &'b [u8]);

impl<'b> Ops<'b> {
    /// The operations as a storage gets them, put into `buf`; `None` when they do not fit, or a key
    /// is longer than 255 bytes. For testing a [`Storage`](super::Storage) without a kernel.
    pub fn new(ops: &[BatchOp<'_>], buf: &'b mut [u8]) -> Option<Self> {
        let mut len = 0;
        for op in ops {
            let (key, value) = match op {
                BatchOp::Set(key, value) => (*key, Some(value.as_bytes())),
                BatchOp::Delete(key) => (*key, None),
            };
            u8::try_from(key.len()).ok()?;
            let head = op_head(key.len(), value.map(<[u8]>::len));
            for piece in [&head, key.as_bytes(), value.unwrap_or(&[])] {
                let (to, _) = buf.get_mut(len..)?.split_at_mut_checked(piece.len())?;
                to.copy_from_slice(piece);
                len = len.saturating_add(piece.len());
            }
        }
        buf.get(..len).map(Ops)
    }
}

/// The bytes before an operation's key and value.
pub(crate) const OP_HEAD: usize = 6;

impl<'b> Iterator for Ops<'b> {
    type Item = (&'b str, Option<Json<'b>>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, key, v0, v1, v2, v3], rest) = self.0.split_first_chunk::<OP_HEAD>()?;
        let (key, rest) = rest.split_at_checked(key as usize)?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes([v0, v1, v2, v3]) as usize)?;
        self.0 = rest;
        let key = core::str::from_utf8(key).unwrap_or("");
        Some((key, (kind == 1).then(|| Json::trusted(value))))
    }
}

/// The head of an operation.
pub(crate) fn op_head(key: usize, value: Option<usize>) -> [u8; OP_HEAD] {
    let [v0, v1, v2, v3] = (value.unwrap_or(0) as u32).to_le_bytes();
    [value.is_some() as u8, key as u8, v0, v1, v2, v3]
}

/// A page of names: keys or namespaces, in order.
///
/// A storage fills it with [`Names::push`]; a caller iterates over it.
#[derive(Debug)]
pub struct Names<'b> {
    buf: &'b mut [u8],
    len: usize,
    left: usize,
}

impl<'b> Names<'b> {
    /// An empty page of at most `limit` names, in `buf`: a byte, and one more for each name.
    pub fn new(buf: &'b mut [u8], limit: usize) -> Self {
        let mut names = Names {
            buf,
            len: 0,
            left: limit,
        };
        if let Some(more) = names.buf.first_mut() {
            *more = 0;
            names.len = 1;
        }
        names
    }

    /// Adds a name; false when the page is full, and the caller stops then.
    pub fn push(&mut self, name: &str) -> bool {
        let end = self.len.wrapping_add(name.len()).wrapping_add(1);
        let room = self.buf.get_mut(self.len..end).filter(|_| self.left > 0);
        let Some((len, to)) = room.and_then(|room| room.split_first_mut()) else {
            if let Some(more) = self.buf.first_mut() {
                *more = 1;
            }
            return false;
        };
        *len = name.len() as u8;
        to.copy_from_slice(name.as_bytes());
        self.len = end;
        self.left = self.left.wrapping_sub(1);
        true
    }

    /// The page for [`Page::new`].
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or(&[])
    }
}

/// A page of names as its reader sees it: see [`Page::more`] for whether another follows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'b> {
    rest: &'b [u8],
    more: bool,
}

impl<'b> Page<'b> {
    /// The page in these bytes, as they came over the link; a page that was cut ends early.
    pub fn new(bytes: &'b [u8]) -> Self {
        match bytes.split_first() {
            Some((more, rest)) => Page {
                rest,
                more: *more != 0,
            },
            None => Page {
                rest: &[],
                more: false,
            },
        }
    }

    /// True when there are names after the last one of this page.
    pub fn more(&self) -> bool {
        self.more
    }
}

impl<'b> Iterator for Page<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        let (len, rest) = self.rest.split_first()?;
        let (name, rest) = rest.split_at_checked(*len as usize)?;
        self.rest = rest;
        core::str::from_utf8(name).ok()
    }
}
