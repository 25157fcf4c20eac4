//! The state engine as its users see it.

use core::time::Duration;

use super::ask::{Ask, count, first};
use super::context::Context;
use crate::fault::Fault;
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::{EntryInfo, Op, Version};
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
#[derive(Clone, Copy)]
pub struct StateEngine(pub(crate) Context);

impl StateEngine {
    /// The value, copied into `buf`; `None` when there is none. [`Fault::Buffer`] when it is longer.
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn get<'b>(&self, key: &str, buf: &'b mut [u8]) -> Result<Option<Json<'b>>, Fault> {
        Ok(self.get_versioned(key, buf).await?.map(|(value, _)| value))
    }

    /// The value and its version, for [`StateEngine::compare_and_set`].
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn get_versioned<'b>(
        &self,
        key: &str,
        buf: &'b mut [u8],
    ) -> Result<Option<(Json<'b>, u64)>, Fault> {
        let mut version = 0;
        let len = match Ask::new(self.0.ask(Op::Get(key, &mut version), &mut *buf), count).await {
            Ok(len) => len,
            Err(Fault::Absent) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        Ok(Some((Json::trusted(first(buf, len)), version)))
    }

    /// Sets a value that stays until it is deleted or its owner goes; resolves to its version.
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub async fn set<'n>(&self, key: impl Into<Name<'n>>, value: Json<'_>) -> Result<u64, Fault> {
        self.write(key.into(), value, None, None).await
    }

    /// Sets a value that is gone after `ttl`.
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub async fn set_with_ttl<'n>(
        &self,
        key: impl Into<Name<'n>>,
        value: Json<'_>,
        ttl: Duration,
    ) -> Result<u64, Fault> {
        self.write(key.into(), value, Some(ttl), None).await
    }

    /// Sets the value if its version is `expected`; 0 expects that there is none. [`Fault::Conflict`] otherwise.
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub async fn compare_and_set<'n>(
        &self,
        key: impl Into<Name<'n>>,
        value: Json<'_>,
        expected: u64,
    ) -> Result<u64, Fault> {
        self.write(key.into(), value, None, Some(expected)).await
    }

    /// Sets a value with this time to live, if it has this version; resolves to its version.
    ///
    /// # Errors
    /// See [`StateEngine`].
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub async fn write(
        &self,
        key: Name<'_>,
        value: Json<'_>,
        ttl: Option<Duration>,
        expected: Option<u64>,
    ) -> Result<u64, Fault> {
        let mut version = Version { expected, now: 0 };
        let ttl = ttl.map(Span::of);
        self.0
            .order(Op::Set {
                key,
                value,
                ttl,
                version: &mut version,
            })
            .await?;
        Ok(version.now)
    }

    /// Sets all of these values, or none when one is refused. Several need room beside the values they replace.
    ///
    /// # Cancellation
    /// Nothing was changed.
    pub fn update<'a>(&self, writes: &'a [(Name<'a>, Json<'a>)]) -> Ask<'a, ()> {
        self.0.order(Op::Update(writes))
    }

    /// Deletes a value; resolves to false when there was none.
    pub fn delete<'a>(&self, key: &'a str) -> Ask<'a, bool> {
        self.0.whether(Op::Delete(key, None))
    }

    /// Deletes a value if its version is `expected`.
    pub fn compare_and_delete<'a>(&self, key: &'a str, expected: u64) -> Ask<'a, bool> {
        self.0.whether(Op::Delete(key, Some(expected)))
    }

    /// Resolves to true when there is a value.
    ///
    /// # Errors
    /// [`Fault::Unloaded`].
    pub async fn exists(&self, key: &str) -> Result<bool, Fault> {
        match self.0.whether(Op::Get(key, &mut 0)).await {
            Err(Fault::Buffer { .. }) => Ok(true),
            other => other,
        }
    }

    /// The next entry whose key begins with `prefix`, copied into `buf`; start with a `cursor` of
    /// 0. The order is that of the slots, and entries that come or go meanwhile may be missed.
    ///
    /// # Errors
    /// [`Fault::Buffer`] for a key that does not fit; ask on for the others.
    ///
    /// ```
    /// # async fn show(state: kernel_next::StateEngine) -> Result<(), kernel_next::Fault> {
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
        let found = self.0.whether_in(Op::Entry(prefix, &mut info), &mut *buf).await;
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
    pub fn clear(&self) -> Ask<'static, u32> {
        Ask::new(self.0.ask(Op::Clear, &mut []), count)
    }
}
