//! The state engine as its users see it.

use core::time::Duration;

use super::StateError;
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::{Core, Kernel};
use crate::text::{CopyOut, Name};
use crate::time::micros;

/// A state entry, copied out.
#[derive(Clone, Copy, Debug)]
pub struct StateEntry<'b> {
    /// Its key.
    pub key: &'b str,
    /// Its value; `None` when it did not fit into the caller's buffer.
    pub value: Option<Json<'b>>,
    /// Its version: it grows with every change of any key, and is never used again.
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
#[derive(Clone, Copy)]
pub struct StateEngine {
    pub(crate) kernel: Kernel,
    pub(crate) who: PluginId,
}

impl StateEngine {
    /// The value, copied into `buf`; `None` when there is none.
    ///
    /// # Errors
    /// [`StateError::Buffer`] when the value is longer than `buf`.
    pub fn get<'b>(&self, key: &str, buf: &'b mut [u8]) -> Result<Option<Json<'b>>, StateError> {
        Ok(self.get_versioned(key, buf)?.map(|(value, _)| value))
    }

    /// The value and its version, for [`StateEngine::compare_and_set`].
    ///
    /// # Errors
    /// [`StateError::Buffer`] when the value is longer than `buf`.
    pub fn get_versioned<'b>(
        &self,
        key: &str,
        buf: &'b mut [u8],
    ) -> Result<Option<(Json<'b>, u64)>, StateError> {
        self.kernel.with_once(|core| {
            let Some(index) = core.find_entry(key) else {
                return Ok(None);
            };
            let Some(slot) = core.state.table.get(index) else {
                return Ok(None);
            };
            let (len, max) = (slot.value.len(), buf.len());
            let value = core
                .state
                .pool
                .copy(slot.value, buf)
                .ok_or(StateError::Buffer { len, max })?;
            Ok(Some((Json::trusted(value), slot.version)))
        })
    }

    /// Sets a value that stays until it is deleted or its owner goes; gives its version.
    ///
    /// # Errors
    /// See [`StateError`]; nothing is changed then.
    pub fn set<'n>(&self, key: impl Into<Name<'n>>, value: Json<'_>) -> Result<u64, StateError> {
        self.write(key.into(), value, None, None)
    }

    /// Sets a value that is gone after `ttl`.
    ///
    /// # Errors
    /// See [`StateError`]; nothing is changed then.
    pub fn set_with_ttl<'n>(
        &self,
        key: impl Into<Name<'n>>,
        value: Json<'_>,
        ttl: Duration,
    ) -> Result<u64, StateError> {
        self.write(key.into(), value, Some(ttl), None)
    }

    /// Sets the value if its version is `expected`; 0 expects that there is none.
    ///
    /// # Errors
    /// [`StateError::Conflict`] with the present version, and the other ones of `set`.
    pub fn compare_and_set<'n>(
        &self,
        key: impl Into<Name<'n>>,
        value: Json<'_>,
        expected: u64,
    ) -> Result<u64, StateError> {
        self.write(key.into(), value, None, Some(expected))
    }

    /// Sets all of these values, or none when one is refused. Several need room beside the values they
    /// replace.
    ///
    /// # Errors
    /// See [`StateError`]; nothing is changed then.
    pub fn update(&self, writes: &[(Name<'_>, Json<'_>)]) -> Result<(), StateError> {
        self.kernel
            .with(|core| core.set_state(self.who, writes, 0, None))
            .map(|_| ())
    }

    /// Deletes a value; false when there was none.
    ///
    /// # Errors
    /// [`StateError::Reserved`] for a key of the kernel, [`StateError::Key`] for a malformed one.
    pub fn delete(&self, key: &str) -> Result<bool, StateError> {
        self.kernel.with(|core| core.delete_state(self.who, key, None))
    }

    /// True when there is a value.
    pub fn exists(&self, key: &str) -> bool {
        self.kernel.with(|core| core.find_entry(key)).is_some()
    }

    /// The next entry whose key begins with `prefix`, copied into `buf`. Start with a `cursor` of
    /// 0; the order is that of the slots, and entries that come or go meanwhile may be missed.
    ///
    /// ```
    /// # fn show(state: kernel_core::StateEngine) {
    /// let (mut cursor, mut buf) = (0, [0; 512]);
    /// while let Some(entry) = state.keys("presence.", &mut cursor, &mut buf) {
    ///     println!("{} version {}", entry.key, entry.version);
    /// }
    /// # }
    /// ```
    pub fn keys<'b>(&self, prefix: &str, cursor: &mut usize, buf: &'b mut [u8]) -> Option<StateEntry<'b>> {
        let mut out = CopyOut::new(buf);
        self.kernel
            .with(|core| next_entry(core, prefix, cursor, &mut out))
    }

    /// Deletes all of this plugin's values (the operator: all but the kernel's); how many.
    pub fn clear(&self) -> usize {
        self.kernel
            .with(|core| core.is_live(self.who).then(|| core.clear_state(self.who)))
            .unwrap_or(0)
    }

    fn write(
        &self,
        key: Name<'_>,
        value: Json<'_>,
        ttl: Option<Duration>,
        expected: Option<u64>,
    ) -> Result<u64, StateError> {
        self.kernel.with(|core| {
            let expires = ttl.map_or(0, |ttl| expiry(core, micros(ttl)));
            core.set_state(self.who, &[(key, value)], expires, expected)
        })
    }
}

/// When a value of this time to live is over.
pub(crate) fn expiry(core: &Core, ttl: u64) -> u64 {
    core.now().saturating_add(ttl).max(1)
}

fn next_entry<'b>(
    core: &mut Core,
    prefix: &str,
    cursor: &mut usize,
    out: &mut CopyOut<'b>,
) -> Option<StateEntry<'b>> {
    let now = core.now();
    while *cursor < core.state.table.extent() {
        let index = *cursor;
        *cursor = index.wrapping_add(1);
        if let Some((slot, key)) = core.entry_at(index, now)
            && key.starts_with(prefix)
        {
            let key = out.text(key);
            let room = out.bytes(slot.value.len());
            let value = room
                .and_then(|to| core.state.pool.copy(slot.value, to))
                .map(Json::trusted);
            return Some(StateEntry {
                key,
                value,
                version: slot.version,
                ttl: slot
                    .expires()
                    .map(|at| Duration::from_micros(at.saturating_sub(now))),
                owner: slot.owner,
            });
        }
    }
    None
}
