//! The state engine as its users see it.

use core::time::Duration;

use super::ask::{Ask, count, first, whether};
use super::context::Context;
use crate::fault::Fault;
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::{EntryInfo, Op};
use crate::subject::Name;
use crate::time::Span;

/// A state entry, copied out.
#[derive(Clone, Copy, Debug)]
pub struct StateEntry<'b> {
    /// Its key.
    pub key: &'b str,
    /// Its value; `None` when it did not fit into the caller's buffer.
    pub value: Option<Json<'b>>,
    /// Its version: it grows with every change of any key. (On a chip it wraps around after 2^32 changes.)
    pub version: u64,
    /// How long it still lives; `None` for ever.
    pub ttl: Option<Duration>,
    /// Who wrote it last.
    pub owner: PluginId,
}

/// Read and write coordination state, on behalf of one plugin or of the operator.
///
/// A value belongs to whoever wrote it last; when that plugin's life ends, it goes with it. Every
/// change is an event with the topic `state.changed.<key>` and the payload
/// `{"value":…,"version":…}`, `{"deleted":true,"version":…}` or `{"expired":true,"version":…}`. A
/// value past its time to live is gone for every operation.
///
/// Errors of what writes: [`Fault::Name`], [`Fault::Reserved`], [`Fault::TooLarge`], [`Fault::Full`] of
/// `state_entries`, `state_bytes` or `names`, [`Fault::Share`], [`Fault::Hops`], [`Fault::Unloaded`]; nothing is
/// changed then.
///
/// Cancellation of all operations: dropped before it is done, nothing happened.
#[derive(Clone, Copy)]
pub struct StateEngine(pub(crate) Context);

impl StateEngine {
    /// The value, copied into `buf`; `None` when there is none. [`Fault::Buffer`] when it is longer.
    pub fn get<'k, 'b>(&self, key: &'k str, buf: &'b mut [u8]) -> Ask<'k, 'b, Option<Json<'b>>> {
        Ask::new(self.0.ask(Op::Get(key), buf), |len, buf, _| found(len, buf))
    }

    /// The value and its version, for [`StateEngine::compare_and_set`].
    pub fn get_versioned<'k, 'b>(
        &self,
        key: &'k str,
        buf: &'b mut [u8],
    ) -> Ask<'k, 'b, Option<(Json<'b>, u64)>> {
        Ask::new(self.0.ask(Op::Get(key), buf), |len, buf, version| {
            Ok(found(len, buf)?.map(|value| (value, version)))
        })
    }

    /// Sets a value that stays until it is deleted or its owner goes; resolves to its version.
    pub fn set<'k>(&self, key: impl Into<Name<'k>>, value: Json<'k>) -> Ask<'k, 'static, u64> {
        self.write(key.into(), value, None, None)
    }

    /// Sets a value that is gone after `ttl`.
    pub fn set_with_ttl<'k>(
        &self,
        key: impl Into<Name<'k>>,
        value: Json<'k>,
        ttl: Duration,
    ) -> Ask<'k, 'static, u64> {
        self.write(key.into(), value, Some(Span::of(ttl)), None)
    }

    /// Sets the value if its version is `expected`; 0 expects that there is none. [`Fault::Conflict`] otherwise.
    pub fn compare_and_set<'k>(
        &self,
        key: impl Into<Name<'k>>,
        value: Json<'k>,
        expected: u64,
    ) -> Ask<'k, 'static, u64> {
        self.write(key.into(), value, None, Some(expected))
    }

    /// Sets a value with this time to live, if it has this version; resolves to its version.
    pub fn write<'k>(
        &self,
        key: Name<'k>,
        value: Json<'k>,
        ttl: Option<Span>,
        expected: Option<u64>,
    ) -> Ask<'k, 'static, u64> {
        let op = Op::Set {
            key,
            value,
            ttl,
            expected,
        };
        Ask::new(self.0.ask(op, &mut []), |done, _, version| done.map(|_| version))
    }

    /// Sets all of these values, or none when one is refused. Several need room beside the values they replace.
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub fn update<'a>(&self, writes: &'a [(Name<'a>, Json<'a>)]) -> Ask<'a, 'static, ()> {
        self.0.order(Op::Update(writes))
    }

    /// Deletes a value; resolves to false when there was none.
    pub fn delete<'a>(&self, key: &'a str) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::Delete(key, None))
    }

    /// Deletes a value if its version is `expected`.
    pub fn compare_and_delete<'a>(&self, key: &'a str, expected: u64) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::Delete(key, Some(expected)))
    }

    /// Resolves to true when there is a value.
    pub fn exists<'k>(&self, key: &'k str) -> Ask<'k, 'static, bool> {
        Ask::new(self.0.ask(Op::Get(key), &mut []), |len, _, _| match len {
            Ok(_) | Err(Fault::Buffer { .. }) => Ok(true),
            Err(Fault::Absent) => Ok(false),
            Err(fault) => Err(fault),
        })
    }

    /// The next entry whose key begins with `prefix`, copied into `buf`; start with a `cursor` of
    /// 0. The order is that of the slots, and entries that come or go meanwhile may be missed.
    ///
    /// # Errors
    /// [`Fault::Buffer`] for a key that does not fit; ask on for the others.
    ///
    /// ```
    /// # async fn show(state: kernel_core::StateEngine) -> Result<(), kernel_core::Fault> {
    /// let (mut cursor, mut buf) = (0, [0; 512]);
    /// while let Some(entry) = state.keys("presence.", &mut cursor, &mut buf).await? {
    ///     println!("{} version {}", entry.key, entry.version);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn keys<'b>(
        &self,
        prefix: &str,
        cursor: &mut u32,
        buf: &'b mut [u8],
    ) -> Result<Option<StateEntry<'b>>, Fault> {
        let mut info = EntryInfo {
            cursor: *cursor,
            ..EntryInfo::START
        };
        let found = Ask::new(self.0.ask(Op::Entry(prefix, &mut info), &mut *buf), whether).await;
        *cursor = info.cursor;
        if !found? {
            return Ok(None);
        }
        let bytes: &'b [u8] = buf;
        let (key, rest) = bytes.split_at_checked(info.key).unwrap_or((&[], &[]));
        Ok(Some(StateEntry {
            key: core::str::from_utf8(key).unwrap_or(""),
            value: info.value.and_then(|len| rest.get(..len)).map(Json::trusted),
            version: info.version,
            ttl: Some(info.ttl).filter(|ttl| !ttl.is_none()).map(Span::as_duration),
            owner: info.owner,
        }))
    }

    /// Deletes all of this plugin's values (the operator: all but the kernel's); resolves to how many.
    pub fn clear(&self) -> Ask<'static, 'static, u32> {
        Ask::new(self.0.ask(Op::Clear, &mut []), count)
    }
}

/// The value in the first bytes of the buffer, if there is one.
fn found(len: Result<u32, Fault>, buf: &[u8]) -> Result<Option<Json<'_>>, Fault> {
    match len {
        Ok(len) => Ok(Some(Json::trusted(first(buf, len)))),
        Err(Fault::Absent) => Ok(None),
        Err(fault) => Err(fault),
    }
}
