//! One item of the log: who wrote what, and what was alive after it.
//!
//! ```text
//!   sequence(4)  digest(4)  'e'                                                     empty slot
//!   sequence(4)  digest(4)  'v' namespace len(1) key len(1) namespace key value     a value
//!   sequence(4)  digest(4)  'b' namespace len(1) namespace op op …                  a batch
//!   sequence(4)  digest(4)  'c' namespace len(1) namespace                          a clearing
//! ```
//!
//! Numbers are little-endian. The operations of a batch are the request's bytes as they came.

use sequential_storage::map::{SerializationError, Value};

/// The slot's number, as `sequential-storage` puts it before the record.
pub(super) const SLOT: usize = 2;
/// Sequence, digest and kind.
const HEAD: usize = 9;

/// What an item says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// The slot holds nothing: what it held was deleted, or the journal was carried out.
    Empty,
    /// A value.
    Value {
        namespace: &'a str,
        key: &'a str,
        value: &'a [u8],
    },
    /// A batch that is to be carried out.
    Batch { namespace: &'a str, ops: &'a [u8] },
    /// A namespace that is to be cleared.
    Clear { namespace: &'a str },
}

impl Body<'_> {
    /// The item's bytes, without the log's header and padding.
    pub(super) fn item_len(&self) -> usize {
        let body = match self {
            Body::Empty => 0,
            Body::Value {
                namespace,
                key,
                value,
            } => 2usize
                .saturating_add(namespace.len())
                .saturating_add(key.len())
                .saturating_add(value.len()),
            Body::Batch { namespace, ops } => {
                1usize.saturating_add(namespace.len()).saturating_add(ops.len())
            }
            Body::Clear { namespace } => 1usize.saturating_add(namespace.len()),
        };
        body.saturating_add(SLOT + HEAD)
    }
}

/// One item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Counts the writes of this storage's life, from 1.
    pub(super) sequence: u32,
    /// What was alive after this write: see [`digest_of`].
    pub(super) digest: u32,
    pub(super) body: Body<'a>,
}

/// One slot's part of the digest, which is the exclusive or of all of them: the sequence of the
/// slot's newest item, mixed. A slot that was never written has no part.
///
/// The mixing is the finalizer of MurmurHash3, a bijection: two sequences never share a part.
pub(super) fn digest_of(sequence: u32) -> u32 {
    let mut mixed = sequence;
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85eb_ca6b);
    mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    mixed ^ (mixed >> 16)
}

/// A hash of a name, never 0 (FNV-1a, folded to 16 bits).
pub(super) fn hash(namespace: &str, key: &str) -> u16 {
    let mut hash = 0x811c_9dc5u32;
    // No name holds the byte between them.
    for byte in namespace.bytes().chain([0]).chain(key.bytes()) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    ((hash >> 16) as u16 ^ hash as u16).max(1)
}

/// Bytes put one after the other.
struct Out<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SerializationError> {
        let end = self.len.saturating_add(bytes.len());
        self.buf
            .get_mut(self.len..end)
            .ok_or(SerializationError::BufferTooSmall)?
            .copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// The length of a name, which was checked to fit into a byte when it came.
    fn put_len(&mut self, name: &str) -> Result<(), SerializationError> {
        let len = u8::try_from(name.len()).map_err(|_| SerializationError::InvalidData)?;
        self.put(&[len])
    }
}

impl<'a> Value<'a> for Record<'a> {
    fn serialize_into(&self, buffer: &mut [u8]) -> Result<usize, SerializationError> {
        let mut out = Out { buf: buffer, len: 0 };
        out.put(&self.sequence.to_le_bytes())?;
        out.put(&self.digest.to_le_bytes())?;
        match self.body {
            Body::Empty => out.put(b"e")?,
            Body::Value {
                namespace,
                key,
                value,
            } => {
                out.put(b"v")?;
                out.put_len(namespace)?;
                out.put_len(key)?;
                out.put(namespace.as_bytes())?;
                out.put(key.as_bytes())?;
                out.put(value)?;
            }
            Body::Batch { namespace, ops } => {
                out.put(b"b")?;
                out.put_len(namespace)?;
                out.put(namespace.as_bytes())?;
                out.put(ops)?;
            }
            Body::Clear { namespace } => {
                out.put(b"c")?;
                out.put_len(namespace)?;
                out.put(namespace.as_bytes())?;
            }
        }
        Ok(out.len)
    }

    fn deserialize_from(buffer: &'a [u8]) -> Result<(Self, usize), SerializationError> {
        let record = parse(buffer).ok_or(SerializationError::InvalidFormat)?;
        Ok((record, buffer.len()))
    }
}

fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    let (&[s0, s1, s2, s3, d0, d1, d2, d3, kind], rest) = bytes.split_first_chunk::<HEAD>()?;
    let body = match kind {
        b'e' => Body::Empty,
        b'v' => {
            let (&[namespace, key], rest) = rest.split_first_chunk::<2>()?;
            let (namespace, rest) = name(rest, namespace)?;
            let (key, value) = name(rest, key)?;
            Body::Value {
                namespace,
                key,
                value,
            }
        }
        b'b' => {
            let (len, rest) = rest.split_first()?;
            let (namespace, ops) = name(rest, *len)?;
            Body::Batch { namespace, ops }
        }
        b'c' => {
            let (len, rest) = rest.split_first()?;
            let (namespace, _) = name(rest, *len)?;
            Body::Clear { namespace }
        }
        _ => return None,
    };
    Some(Record {
        sequence: u32::from_le_bytes([s0, s1, s2, s3]),
        digest: u32::from_le_bytes([d0, d1, d2, d3]),
        body,
    })
}

fn name(bytes: &[u8], len: u8) -> Option<(&str, &[u8])> {
    let (name, rest) = bytes.split_at_checked(usize::from(len))?;
    Some((core::str::from_utf8(name).ok()?, rest))
}
