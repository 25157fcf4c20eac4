//! The state engine: small values that plugins coordinate by, in memory, with versions and times
//! to live, and every change an event.

mod api;
mod errors;

#[cfg(feature = "link")]
pub(crate) use api::expiry;
pub use api::{StateEngine, StateEntry};
pub use errors::StateError;

use crate::bus::{APART, Draft};
use crate::copy::equal;
use crate::fixed::Empty;
use crate::id::PluginId;
use crate::json::{Json, decimal};
use crate::kernel::Core;
use crate::pool::{Chain, Pool};
use crate::runtime::STATUS;
use crate::subject;
use crate::table::{Table, hash_of};
use crate::text::{Name, Text};

/// The longest value, in bytes, where the capacities allow that much.
pub const MAX_VALUE: usize = 64 * 1024;
/// The longest key: with [`CHANGED`] before it, it is a topic.
pub const MAX_KEY: usize = subject::MAX_SUBJECT - CHANGED.len();
/// The topic of a change is this and the key.
pub const CHANGED: &str = "state.changed.";
/// Keys that begin so are the kernel's own.
pub const RESERVED: &str = "runtime.";

/// A state entry: opaque memory of a kernel.
#[derive(Debug)]
pub struct EntrySlot {
    /// Empty in a slot that is not in use.
    key: Text,
    pub(crate) owner: PluginId,
    pub(crate) value: Chain,
    pub(crate) version: u64,
    /// When it is gone; never, when 0.
    expires: u64,
}

impl Empty for EntrySlot {
    const EMPTY: Self = EntrySlot {
        key: Text::EMPTY,
        owner: PluginId { index: 0, life: 0 },
        value: Chain::EMPTY,
        version: 0,
        expires: 0,
    };
}

impl EntrySlot {
    fn in_use(&self) -> bool {
        !self.key.is_empty()
    }

    pub(crate) fn expires(&self) -> Option<u64> {
        Some(self.expires).filter(|at| *at > 0)
    }

    /// Past its time; the clock is read only where there is one.
    fn is_over(&self, now: impl FnOnce() -> u64) -> bool {
        self.expires > 0 && self.expires <= now()
    }
}

/// All entries.
pub(crate) struct Entries {
    pub(crate) table: Table<EntrySlot>,
    pub(crate) pool: Pool,
    revision: u64,
    next_expiry: u64,
}

impl Entries {
    pub(crate) fn new(table: Table<EntrySlot>, pool: Pool) -> Self {
        Entries {
            table,
            pool,
            revision: 0,
            next_expiry: u64::MAX,
        }
    }
}

/// How an entry went away.
#[derive(Clone, Copy)]
enum Gone {
    Deleted,
    Expired,
}

/// A key and its value, on their way in.
pub(crate) type Write<'a> = (Name<'a>, Json<'a>);

impl Core {
    /// Sets all values or none; the version of the last one.
    ///
    /// They are gone at `expires`; never, when 0. A single value may take the room of the one it
    /// replaces, and be bound to that one's version.
    pub(crate) fn set_state(
        &mut self,
        who: PluginId,
        writes: &[Write<'_>],
        expires: u64,
        expected: Option<u64>,
    ) -> Result<u64, StateError> {
        // One moment for all of it: no entry expires between the checks and the writes. What is over
        // gives its room back first.
        let mut now = self.now();
        let over = self.state.next_expiry <= now;
        self.expire_state(now);
        if APART && over {
            // What expired was told of later than that, and what follows it is not from before it.
            now = self.now();
        }
        let mut room = self.state.pool.free_blocks();
        let usage = self.state.table.usage();
        let mut entries = usage.capacity.saturating_sub(usage.used);
        let mut names = self.names.free();
        let mut found = None;
        for (name, value) in writes {
            let key = name.as_str();
            found = self.lookup(key);
            self.may_write(who, key, found)?;
            if let [_] = writes {
                self.check_version(found, expected)?;
                let old = found.and_then(|index| self.state.table.get(index));
                room = room.saturating_add(self.state.pool.blocks(old.map_or(0, |slot| slot.value.len())));
            }
            room = self.check_value(*value, room)?;
            if found.is_none() {
                let full = StateError::Full {
                    capacity: usage.capacity,
                };
                entries = entries.checked_sub(1).ok_or(full)?;
                names = self.check_name(name, names)?;
            }
        }
        for write in writes {
            if writes.len() > 1 {
                found = self.lookup(write.0.as_str());
            }
            self.store(who, write, expires, found, now)
                .ok_or(StateError::Unavailable)?;
        }
        Ok(self.state.revision)
    }

    pub(crate) fn delete_state(
        &mut self,
        who: PluginId,
        key: &str,
        expected: Option<u64>,
    ) -> Result<bool, StateError> {
        let found = self.find_entry(key);
        self.may_write(who, key, found)?;
        self.check_version(found, expected)?;
        if let Some(index) = found {
            self.drop_entry(index, Gone::Deleted, who);
        }
        Ok(found.is_some())
    }

    /// Drops every entry that `who` may clear: a plugin its own, the operator all but the kernel's.
    pub(crate) fn clear_state(&mut self, who: PluginId) -> usize {
        self.drop_entries(who, who)
    }

    pub(crate) fn reclaim_state(&mut self, who: PluginId) {
        self.drop_entries(who, PluginId::KERNEL);
    }

    /// Drops what belongs to `owner`, as the doing of `who`; how many.
    fn drop_entries(&mut self, owner: PluginId, who: PluginId) -> usize {
        let mut count = 0usize;
        self.expire_state(self.now());
        for index in 0..self.state.table.extent() {
            let Some(slot) = self.state.table.get(index).filter(|slot| slot.in_use()) else {
                continue;
            };
            if slot.owner == owner || (owner == PluginId::OPERATOR && slot.owner != PluginId::KERNEL) {
                self.drop_entry(index, Gone::Deleted, who);
                count = count.wrapping_add(1);
            }
        }
        count
    }

    /// Says how the runtime is.
    #[inline(never)]
    pub(crate) fn set_status(&mut self, status: &'static [u8]) {
        let write = (Name::Static(STATUS), Json::trusted(status));
        let (found, now) = (self.lookup(STATUS), self.now());
        self.store(PluginId::KERNEL, &write, 0, found, now);
    }

    /// The entry with this key; one that is past its time is gone first.
    pub(crate) fn find_entry(&mut self, key: &str) -> Option<usize> {
        let index = self.lookup(key)?;
        if self.state.table.get(index)?.is_over(|| self.now()) {
            self.drop_entry(index, Gone::Expired, PluginId::KERNEL);
            return None;
        }
        Some(index)
    }

    /// The entry with this key, over or not.
    #[inline(never)]
    fn lookup(&self, key: &str) -> Option<usize> {
        if key.len() > MAX_KEY {
            return None;
        }
        let is = |slot: &EntrySlot| equal(slot.key.as_bytes(&self.names), key.as_bytes());
        self.state.table.find(hash_of(key), is)
    }

    /// What is in slot `index`, when it is not past its time.
    pub(crate) fn entry_at(&self, index: usize, now: u64) -> Option<(&EntrySlot, &str)> {
        let slot = self.state.table.get(index)?;
        if !slot.in_use() || slot.is_over(|| now) {
            return None;
        }
        Some((slot, slot.key.as_str(&self.names)))
    }

    /// Drops what is past its time; gives the next deadline.
    pub(crate) fn expire_state(&mut self, now: u64) -> u64 {
        if now < self.state.next_expiry {
            return self.state.next_expiry;
        }
        let mut next = u64::MAX;
        for index in 0..self.state.table.extent() {
            match self.state.table.get(index).and_then(EntrySlot::expires) {
                Some(at) if at <= now => self.drop_entry(index, Gone::Expired, PluginId::KERNEL),
                Some(at) => next = next.min(at),
                None => {}
            }
        }
        self.state.next_expiry = next;
        next
    }

    fn check_version(&self, found: Option<usize>, expected: Option<u64>) -> Result<(), StateError> {
        let slot = found.and_then(|index| self.state.table.get(index));
        let version = slot.map_or(0, |slot| slot.version);
        match expected {
            Some(expected) if expected != version => Err(StateError::Conflict { version }),
            _ => Ok(()),
        }
    }

    fn may_write(&self, who: PluginId, key: &str, found: Option<usize>) -> Result<(), StateError> {
        // A key that is there was checked when it came.
        if found.is_none() {
            check_key(key)?;
        }
        if !self.is_live(who) {
            return Err(StateError::Unloaded);
        }
        if key.starts_with(RESERVED) {
            return Err(StateError::Reserved);
        }
        Ok(())
    }

    /// Refuses a key that cannot be copied, with `free` blocks for names; how many are left then.
    fn check_name(&self, key: &Name<'_>, free: usize) -> Result<usize, StateError> {
        let Name::Copied(key) = key else {
            return Ok(free);
        };
        let max = self.names.block_size();
        if key.len() > max {
            return Err(StateError::TooLong { max });
        }
        let capacity = self.names.usage().capacity;
        free.checked_sub(1).ok_or(StateError::NamesFull { capacity })
    }

    /// Refuses a value that does not fit into `free` blocks; how many are left with it.
    fn check_value(&self, value: Json<'_>, free: usize) -> Result<usize, StateError> {
        let len = value.len();
        let capacity = self.state.pool.usage().capacity;
        // The change must fit into the log: a topic at its longest, a version at its longest.
        let room = self.bus.log.longest(subject::MAX_SUBJECT).saturating_sub(48);
        let max = capacity.min(room).min(MAX_VALUE);
        if len > max {
            return Err(StateError::TooLarge { len, max });
        }
        let full = StateError::BytesFull { capacity };
        free.checked_sub(self.state.pool.blocks(len)).ok_or(full)
    }

    /// Writes a checked value, into entry `found` or a new one, and announces it.
    fn store(
        &mut self,
        who: PluginId,
        (key, value): &Write<'_>,
        expires: u64,
        found: Option<usize>,
        now: u64,
    ) -> Option<()> {
        let index = match found {
            Some(index) => index,
            None => {
                let slot = EntrySlot {
                    key: self.names.keep(*key).ok()?,
                    ..EntrySlot::EMPTY
                };
                match self.state.table.insert(hash_of(key.as_str()), slot) {
                    Ok(index) => index,
                    Err(slot) => {
                        self.names.release(slot.key);
                        return None;
                    }
                }
            }
        };
        let state = &mut self.state;
        let slot = state.table.get_mut(index)?;
        slot.value = state
            .pool
            .replace(slot.value, value.as_bytes())
            .unwrap_or_default();
        state.revision = state.revision.wrapping_add(1);
        slot.version = state.revision;
        slot.owner = who;
        slot.expires = expires;
        if expires > 0 {
            state.next_expiry = state.next_expiry.min(expires);
            self.arm(expires);
        }
        let mut buf = [0; 21];
        let version = version_end(self.state.revision, &mut buf);
        let payload = &[b"{\"value\":", value.as_bytes(), b",\"version\":", version];
        self.announce_change(now, key.as_str(), Draft::new(who, None, b"", payload));
        Some(())
    }

    /// Drops an entry and announces it, as the doing of `who`.
    fn drop_entry(&mut self, index: usize, how: Gone, who: PluginId) {
        let mut key = heapless::String::<{ MAX_KEY }>::new();
        let text = self
            .state
            .table
            .get(index)
            .map_or("", |slot| slot.key.as_str(&self.names));
        crate::error::push_cut(&mut key, text);
        let Some(slot) = self.state.table.remove(index, hash_of(&key), EntrySlot::EMPTY) else {
            return;
        };
        self.state.pool.release(slot.value);
        self.state.revision = self.state.revision.wrapping_add(1);
        self.names.release(slot.key);
        let head: &[u8] = match how {
            Gone::Deleted => b"{\"deleted\":true,\"version\":",
            Gone::Expired => b"{\"expired\":true,\"version\":",
        };
        let mut buf = [0; 21];
        let payload = &[head, version_end(self.state.revision, &mut buf)];
        self.announce_change(self.now(), &key, Draft::new(who, None, b"", payload));
    }
}

/// Refuses a key that could not be the end of a topic.
pub fn check_key(key: &str) -> Result<(), StateError> {
    if key.len() > MAX_KEY {
        return Err(StateError::TooLong { max: MAX_KEY });
    }
    subject::check_topic(key).map_err(StateError::Key)?;
    // With the two tokens of `CHANGED` before it, it is still a topic.
    let max = subject::MAX_TOKENS.saturating_sub(2);
    let dots = key.bytes().filter(|byte| *byte == b'.').count();
    if dots >= max {
        return Err(StateError::Key(subject::SubjectError::TooManyTokens { max }));
    }
    Ok(())
}

/// The version, and the brace that ends the text.
fn version_end(version: u64, buf: &mut [u8; 21]) -> &[u8] {
    let [digits @ .., brace] = buf;
    *brace = b'}';
    let start = decimal(version, digits);
    buf.get(start..).unwrap_or_default()
}
