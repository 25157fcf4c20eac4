//! The state engine: small values that plugins coordinate by, in memory, with versions and times
//! to live, and every change an event.

mod api;
mod errors;

pub use api::{StateEngine, StateEntry};
pub use errors::StateError;

use crate::bus::Draft;
use crate::fixed::Empty;
use crate::id::PluginId;
use crate::json::{Json, Writer};
use crate::kernel::Core;
use crate::pool::{Chain, Pool};
use crate::subject;
use crate::table::{Link, Slot, Table};
use crate::text::{Name, NameError, Text};

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
    pub(crate) key: Text,
    hash: u32,
    link: Link,
    pub(crate) owner: Option<PluginId>,
    pub(crate) value: Chain,
    pub(crate) version: u64,
    pub(crate) expires: Option<u64>,
}

impl Empty for EntrySlot {
    const EMPTY: Self = EntrySlot {
        key: Text::Empty,
        hash: 0,
        link: Link::NONE,
        owner: None,
        value: Chain::EMPTY,
        version: 0,
        expires: None,
    };
}

impl Slot for EntrySlot {
    fn link(&self) -> Link {
        self.link
    }
    fn set_link(&mut self, link: Link) {
        self.link = link;
    }
    fn hash(&self) -> u32 {
        self.hash
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

/// A value on its way in.
#[derive(Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) key: Name<'a>,
    pub(crate) value: Json<'a>,
    /// When it expires, in microseconds on the clock.
    pub(crate) expires: Option<u64>,
}

impl Core {
    /// Sets one value; the new version.
    pub(crate) fn set_state(
        &mut self,
        who: PluginId,
        write: Write<'_>,
        expected: Option<u64>,
    ) -> Result<u64, StateError> {
        self.may_write(who, write.key.as_str())?;
        // What is over gives its room back first.
        self.expire_state(self.now());
        let found = self.find_entry(write.key.as_str());
        if let Some(expected) = expected {
            let version = self.version(found);
            if version != expected {
                return Err(StateError::Conflict { version });
            }
        }
        let old = found
            .and_then(|index| self.state.table.get(index))
            .map_or(0, |slot| slot.value.len as usize);
        let room = self
            .state
            .pool
            .free_blocks()
            .saturating_add(self.state.pool.blocks(old));
        self.check_value(write.value, room)?;
        self.store(who, &write, found)?;
        self.changed(write.key.as_str())
    }

    /// Sets all values or none.
    pub(crate) fn update_state(
        &mut self,
        who: PluginId,
        writes: &[(Name<'_>, Json<'_>)],
    ) -> Result<(), StateError> {
        // One moment for all of it: no entry expires between the checks and the writes.
        let now = self.now();
        self.expire_state(now);
        let mut room = self.state.pool.free_blocks();
        let usage = self.state.table.usage();
        let mut entries = usage.capacity.saturating_sub(usage.used);
        let mut names = self
            .names
            .usage()
            .capacity
            .saturating_sub(self.names.usage().used);
        for (key, value) in writes {
            self.may_write(who, key.as_str())?;
            self.check_value(*value, room)?;
            room = room.saturating_sub(self.state.pool.blocks(value.len()));
            if self.find_entry_at(key.as_str(), now).is_none() {
                let full = StateError::Full {
                    capacity: usage.capacity,
                };
                entries = entries.checked_sub(1).ok_or(full)?;
                if matches!(key, Name::Copied(_)) {
                    self.check_name(key)?;
                    let capacity = self.names.usage().capacity;
                    names = names.checked_sub(1).ok_or(StateError::NamesFull { capacity })?;
                }
            }
        }
        for (key, value) in writes {
            let found = self.find_entry_at(key.as_str(), now);
            self.store(
                who,
                &Write {
                    key: *key,
                    value: *value,
                    expires: None,
                },
                found,
            )?;
        }
        for (key, _) in writes {
            self.changed(key.as_str())?;
        }
        Ok(())
    }

    pub(crate) fn delete_state(
        &mut self,
        who: PluginId,
        key: &str,
        expected: Option<u64>,
    ) -> Result<bool, StateError> {
        self.may_write(who, key)?;
        let found = self.find_entry(key);
        if let Some(expected) = expected {
            let version = self.version(found);
            if version != expected {
                return Err(StateError::Conflict { version });
            }
        }
        if let Some(index) = found {
            self.drop_entry(index, Gone::Deleted, who);
        }
        Ok(found.is_some())
    }

    /// Drops every entry that `who` may clear: a plugin its own, the operator all but the kernel's.
    pub(crate) fn clear_state(&mut self, who: PluginId) -> usize {
        let mut count = 0usize;
        self.expire_state(self.now());
        for index in 0..self.state.table.extent() {
            let Some(owner) = self.state.table.get(index).and_then(|slot| slot.owner) else {
                continue;
            };
            if owner == who || (who == PluginId::OPERATOR && owner != PluginId::KERNEL) {
                self.drop_entry(index, Gone::Deleted, who);
                count = count.wrapping_add(1);
            }
        }
        count
    }

    pub(crate) fn reclaim_state(&mut self, who: PluginId) {
        self.expire_state(self.now());
        for index in 0..self.state.table.extent() {
            if self
                .state
                .table
                .get(index)
                .is_some_and(|slot| slot.owner == Some(who))
            {
                self.drop_entry(index, Gone::Deleted, PluginId::KERNEL);
            }
        }
    }

    /// Sets a value of the kernel itself.
    pub(crate) fn set_own_state(&mut self, key: &'static str, value: Json<'static>) {
        let write = Write {
            key: Name::Static(key),
            value,
            expires: None,
        };
        let found = self.find_entry(key);
        if self.store(PluginId::KERNEL, &write, found).is_ok() {
            // A key that was stored is there to be announced.
            let _ = self.changed(key);
        }
    }

    /// The entry with this key; one that is past its time is gone first.
    pub(crate) fn find_entry(&mut self, key: &str) -> Option<usize> {
        self.find_entry_at(key, self.now())
    }

    fn find_entry_at(&mut self, key: &str, now: u64) -> Option<usize> {
        let names = &self.names;
        let hash = subject::hash(key.as_bytes());
        let is = |slot: &EntrySlot| slot.owner.is_some() && slot.key.as_bytes(names) == key.as_bytes();
        let index = self.state.table.find(hash, is)?;
        if self.state.table.get(index)?.expires.is_some_and(|at| at <= now) {
            self.drop_entry(index, Gone::Expired, PluginId::KERNEL);
            return None;
        }
        Some(index)
    }

    /// What is in slot `index`, when it is not past its time.
    pub(crate) fn entry_at(&self, index: usize, now: u64) -> Option<(&EntrySlot, &str)> {
        let slot = self.state.table.get(index).filter(|slot| slot.owner.is_some())?;
        if slot.expires.is_some_and(|at| at <= now) {
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
            match self.state.table.get(index).and_then(|slot| slot.expires) {
                Some(at) if at <= now => self.drop_entry(index, Gone::Expired, PluginId::KERNEL),
                Some(at) => next = next.min(at),
                None => {}
            }
        }
        self.state.next_expiry = next;
        next
    }

    fn version(&self, found: Option<usize>) -> u64 {
        found
            .and_then(|index| self.state.table.get(index))
            .map_or(0, |slot| slot.version)
    }

    fn may_write(&self, who: PluginId, key: &str) -> Result<(), StateError> {
        check_key(key)?;
        if !self.is_live(who) {
            return Err(StateError::Unloaded);
        }
        if key.starts_with(RESERVED) {
            return Err(StateError::Reserved);
        }
        Ok(())
    }

    fn check_name(&self, key: &Name<'_>) -> Result<(), StateError> {
        let max = self.names.block_size();
        if key.as_str().len() > max {
            Err(StateError::TooLong { max })
        } else {
            Ok(())
        }
    }

    fn check_value(&self, value: Json<'_>, free_blocks: usize) -> Result<(), StateError> {
        let capacity = self.state.pool.usage().capacity;
        // The change must fit into the log: a topic at its longest, a version at its longest.
        let log = self.bus.log.longest(subject::MAX_SUBJECT).saturating_sub(48);
        let max = capacity.min(log).min(MAX_VALUE);
        if value.len() > max {
            return Err(StateError::TooLarge {
                len: value.len(),
                max,
            });
        }
        if self.state.pool.blocks(value.len()) > free_blocks {
            return Err(StateError::BytesFull { capacity });
        }
        Ok(())
    }

    /// Writes a checked value, into entry `found` or a new one.
    fn store(&mut self, who: PluginId, write: &Write<'_>, found: Option<usize>) -> Result<(), StateError> {
        let index = match found {
            Some(index) => index,
            None => {
                let full = StateError::Full {
                    capacity: self.state.table.usage().capacity,
                };
                if self.state.table.is_full() {
                    return Err(full);
                }
                let key = self.names.keep(write.key).map_err(|error| match error {
                    NameError::TooLong { max } => StateError::TooLong { max },
                    NameError::Full { capacity } => StateError::NamesFull { capacity },
                })?;
                let hash = subject::hash(write.key.as_str().as_bytes());
                let slot = EntrySlot {
                    key,
                    hash,
                    owner: Some(who),
                    ..EntrySlot::EMPTY
                };
                self.state.table.insert(slot).map_err(|_| full)?
            }
        };
        let Entries {
            table,
            pool,
            revision,
            next_expiry,
        } = &mut self.state;
        let Some(slot) = table.get_mut(index) else {
            return Err(StateError::Unavailable);
        };
        pool.release(slot.value);
        slot.value = pool.put(write.value.as_bytes()).unwrap_or_default();
        *revision = revision.wrapping_add(1);
        slot.version = *revision;
        slot.owner = Some(who);
        slot.expires = write.expires;
        if let Some(at) = write.expires {
            *next_expiry = (*next_expiry).min(at);
            self.arm(at);
        }
        Ok(())
    }

    /// Announces the present value of `key`; gives its version.
    fn changed(&mut self, key: &str) -> Result<u64, StateError> {
        // Not by `find_entry`: a time to live of nothing is over already, and still a change.
        let names = &self.names;
        let is = |slot: &EntrySlot| slot.owner.is_some() && slot.key.as_bytes(names) == key.as_bytes();
        let found = self.state.table.find(subject::hash(key.as_bytes()), is);
        let Some(slot) = found.and_then(|index| self.state.table.get(index)) else {
            return Err(StateError::Unavailable);
        };
        let (version, value, owner) = (slot.version, slot.value, slot.owner.unwrap_or(PluginId::KERNEL));
        let mut tail = heapless::Vec::<u8, 40>::new();
        for piece in [b",\"version\":".as_slice(), decimal(version, &mut [0; 20]), b"}"] {
            // 12 bytes, at most 20 digits, and the brace.
            let _ = tail.extend_from_slice(piece);
        }
        let cause = self.plugins.cause_of(owner);
        let draft = Draft {
            value: Some((value, &tail)),
            ..Draft::new(owner, cause, "", &[b"{\"value\":"])
        };
        self.announce([CHANGED, key], draft);
        Ok(version)
    }

    /// Drops an entry and announces it, as the doing of `who`.
    fn drop_entry(&mut self, index: usize, how: Gone, who: PluginId) {
        let Some(slot) = self.state.table.remove(index, EntrySlot::EMPTY) else {
            return;
        };
        self.state.pool.release(slot.value);
        self.state.revision = self.state.revision.wrapping_add(1);
        let mut key = heapless::String::<{ MAX_KEY }>::new();
        crate::error::push_cut(&mut key, slot.key.as_str(&self.names));
        self.names.release(slot.key);
        let head: &[u8] = match how {
            Gone::Deleted => b"{\"deleted\":true,\"version\":",
            Gone::Expired => b"{\"expired\":true,\"version\":",
        };
        let mut digits = [0; 20];
        let payload = &[head, decimal(self.state.revision, &mut digits), b"}"];
        let cause = self.plugins.cause_of(who);
        self.announce([CHANGED, &key], Draft::new(who, cause, "", payload));
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
    if key.split('.').count() > max {
        return Err(StateError::Key(subject::SubjectError::TooManyTokens { max }));
    }
    Ok(())
}

fn decimal(number: u64, buf: &mut [u8; 20]) -> &[u8] {
    let mut writer = Writer::new(buf);
    writer.u64(number);
    writer.finish_trusted().map_or(&[], |json| json.as_bytes())
}
