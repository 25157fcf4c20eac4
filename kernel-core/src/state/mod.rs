//! Coordination state: small values by key, with a version and a time to live. That a change is an event is
//! the kernel's business: here are only the entries.

use crate::bus::{Seq, wide};
use crate::fault::{Capacity, Fault, NameFault};
use crate::id::PluginId;
use crate::json::Json;
use crate::mem::{Link, Names, Pool, Slot, Span, Table, Text, Usage, name_hash};
use crate::subject::{MAX_SUBJECT, MAX_TOKENS, Name, check_topic, is_below};
use crate::time::{Clock, Deadline, Instant};

/// What the topic of a change begins with; the key follows.
pub(crate) const CHANGED: &str = "state.changed.";

/// Digits of the longest version.
pub(crate) const DIGITS: usize = if cfg!(feature = "large") { 20 } else { 10 };

/// The longest key, in bytes: `state.changed.` and the key are a topic.
pub(crate) const MAX_KEY: usize = MAX_SUBJECT - CHANGED.len();

/// The most tokens of a key, likewise.
const MAX_KEY_TOKENS: usize = MAX_TOKENS - 2;

/// A state entry: opaque memory of a kernel.
#[derive(Debug)]
pub struct Entry {
    key: Text,
    value: Span,
    pub(crate) version: Seq,
    pub(crate) expires: Deadline,
    pub(crate) owner: PluginId,
}

impl Entry {
    /// The bytes of its key, which are UTF-8.
    pub(crate) fn key<'n>(&self, names: &'n Names) -> &'n [u8] {
        names.bytes_of(self.key)
    }

    pub(crate) fn len(&self) -> usize {
        self.value.len()
    }
}

/// What a plugin holds more of once it has written.
#[derive(Default)]
pub(crate) struct More {
    pub(crate) entries: u32,
    pub(crate) bytes: u32,
}

/// A value was set.
pub(crate) struct Written {
    pub(crate) version: Seq,
    /// Who held the entry before, and how many bytes.
    pub(crate) before: Option<(PluginId, u32)>,
}

pub(crate) struct State {
    table: Table<Entry>,
    pool: Pool,
    /// The last version that was used, and the same in digits. (Zero is no version.)
    version: Seq,
    digits: [u8; DIGITS],
    /// When the first of the entries expires, or one that is gone by now would have.
    pub(crate) due: Deadline,
}

impl State {
    pub(crate) fn new(slots: &'static mut [Slot<Entry>], heads: &'static mut [Link], pool: Pool) -> Self {
        State {
            table: Table::new(slots, heads),
            pool,
            version: 0,
            digits: [b'0'; DIGITS],
            due: Deadline::NONE,
        }
    }

    pub(crate) fn usage(&self) -> (Usage, Usage) {
        (self.table.usage(), self.pool.usage())
    }

    pub(crate) fn extent(&self) -> usize {
        self.table.extent()
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Entry> {
        self.table.get(index)
    }

    /// The entry of this key, whether it has expired or not.
    pub(crate) fn find(&self, key: &str, names: &Names) -> Option<usize> {
        self.table.find(name_hash(key.as_bytes()), |entry| {
            names.bytes_of(entry.key) == key.as_bytes()
        })
    }

    /// The entry of this key.
    pub(crate) fn get(&self, key: &str, names: &Names, clock: Clock) -> Option<&Entry> {
        let entry = self.table.get(self.find(key, names)?)?;
        // Most entries stay: the clock is read for the others.
        (entry.expires == Deadline::NONE || !entry.expires.is_due(clock())).then_some(entry)
    }

    /// The bytes of the pool that a value of this length takes.
    pub(crate) fn cost(&self, len: usize) -> u32 {
        self.pool.cost(len)
    }

    /// Copies an entry's value into the beginning of `buf`.
    pub(crate) fn copy<'b>(&self, entry: &Entry, buf: &'b mut [u8]) -> Result<&'b [u8], Fault> {
        let len = entry.len() as u32;
        self.pool.copy(entry.value, buf).ok_or(Fault::Buffer { len })
    }

    /// The version of the next change.
    pub(crate) fn next_version(&mut self) -> Seq {
        self.version = self.version.wrapping_add(1);
        if self.version == 0 {
            self.version = 1;
            self.digits = [b'0'; DIGITS];
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit != b'9' {
                *digit = digit.wrapping_add(1);
                break;
            }
            *digit = b'0';
        }
        self.version
    }

    /// The last version that was used, in digits.
    pub(crate) fn version_digits(&self) -> &[u8] {
        let zeros = self.digits.iter().take_while(|digit| **digit == b'0');
        self.digits.get(zeros.count()..).unwrap_or(&[])
    }

    /// Whether all of these can be set, and what `who` holds more then. Nothing is changed. Several need room beside
    /// what they replace.
    pub(crate) fn check(
        &self,
        who: PluginId,
        writes: &[(Name<'_>, Json<'_>)],
        expected: Option<u64>,
        names: &Names,
    ) -> Result<More, Fault> {
        let mut more = More::default();
        let (mut entries, mut bytes, mut cells) = (0u32, 0u32, 0u32);
        for (key, value) in writes {
            let found = self
                .find(key.as_str(), names)
                .and_then(|index| self.table.get(index));
            if found.is_none() {
                check_key(key.as_str())?;
            }
            if value.len() > Pool::MOST {
                return Err(Fault::TooLarge {
                    max: Pool::MOST as u32,
                });
            }
            if expected.is_some_and(|expected| expected != found.map_or(0, |entry| wide(entry.version))) {
                return Err(Fault::Conflict);
            }
            let cost = self.pool.cost(value.len());
            let replaced = found.map_or(0, |entry| self.pool.cost(entry.len()));
            match found {
                Some(entry) if entry.owner == who => {
                    more.bytes = more.bytes.saturating_add(cost.saturating_sub(replaced));
                }
                _ => {
                    more.entries = more.entries.wrapping_add(1);
                    more.bytes = more.bytes.saturating_add(cost);
                }
            }
            let returned = if writes.len() == 1 { replaced } else { 0 };
            bytes = bytes.saturating_add(cost.saturating_sub(returned));
            if found.is_none() {
                entries = entries.wrapping_add(1);
                if let Name::Copied(text) = key {
                    cells = cells.wrapping_add(1);
                    if text.len() > names.longest() {
                        return Err(Fault::TooLarge {
                            max: names.longest() as u32,
                        });
                    }
                }
            }
        }
        self.pool.usage().check(bytes, Capacity::StateBytes)?;
        self.table.usage().check(entries, Capacity::StateEntries)?;
        names.usage().check(cells, Capacity::Names)?;
        Ok(more)
    }

    /// Sets a value for which [`State::check`] found room.
    pub(crate) fn set(
        &mut self,
        owner: PluginId,
        key: Name<'_>,
        value: Json<'_>,
        expires: Deadline,
        names: &mut Names,
    ) -> Result<Written, Fault> {
        let version = self.next_version();
        let found = self.find(key.as_str(), names);
        let index = match found {
            Some(index) => index,
            None => {
                let entry = Entry {
                    key: key.keep(names)?,
                    value: Span::default(),
                    version,
                    expires,
                    owner,
                };
                let hash = name_hash(key.as_str().as_bytes());
                self.table.insert(hash, entry).ok_or(Fault::Unavailable)?
            }
        };
        let entry = self.table.get_mut(index).ok_or(Fault::Unavailable)?;
        let before = found.map(|_| (entry.owner, self.pool.cost(entry.value.len())));
        self.pool.release(core::mem::take(&mut entry.value));
        entry.value = self.pool.keep(value.as_bytes()).ok_or(Fault::Unavailable)?;
        entry.version = version;
        entry.owner = owner;
        entry.expires = expires;
        self.due = self.due.first(expires);
        Ok(Written { version, before })
    }

    /// Removes the entry in this place.
    pub(crate) fn remove(&mut self, index: usize, names: &mut Names) {
        if let Some(entry) = self.table.remove(index) {
            self.pool.release(entry.value);
            names.release(entry.key);
        }
    }

    /// The place of the entry of this key, which must have this version.
    pub(crate) fn find_to_delete(
        &self,
        key: &str,
        expected: Option<u64>,
        names: &Names,
    ) -> Result<Option<usize>, Fault> {
        check_key(key)?;
        let found = self.find(key, names);
        let version = found
            .and_then(|index| self.table.get(index))
            .map_or(0, |entry| wide(entry.version));
        if expected.is_some_and(|expected| expected != version) {
            return Err(Fault::Conflict);
        }
        Ok(found)
    }

    /// The place of an entry that has expired; `due` is right when there is none.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<usize> {
        if !self.due.is_due(now) {
            return None;
        }
        let found = self.table.iter().find(|(_, entry)| entry.expires.is_due(now));
        let found = found.map(|(index, _)| index);
        if found.is_none() {
            let all = self.table.iter();
            self.due = all.fold(Deadline::NONE, |due, (_, entry)| due.first(entry.expires));
        }
        found
    }
}

/// True for a key that only the kernel writes.
pub(crate) fn is_reserved(key: &str) -> bool {
    is_below(key, "runtime")
}

fn check_key(key: &str) -> Result<(), Fault> {
    if key.len() > MAX_KEY {
        return Err(Fault::Name {
            why: NameFault::TooLong,
            at: MAX_KEY as u32,
        });
    }
    if key.bytes().filter(|byte| *byte == b'.').count() >= MAX_KEY_TOKENS {
        return Err(Fault::Name {
            why: NameFault::TooManyTokens,
            at: MAX_KEY_TOKENS as u32,
        });
    }
    check_topic(key)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_digits_are_those_of_the_version_also_where_it_wraps_around() {
        let mut state = State::new(&mut [], &mut [], Pool::new(&mut [], &mut [], 16));
        let same = |state: &mut State| {
            let version = state.next_version();
            assert_eq!(state.version_digits(), std::format!("{version}").as_bytes());
            version
        };
        let first: Vec<_> = (0..1_200).map(|_| same(&mut state)).collect();
        assert_eq!((first.first(), first.last()), (Some(&1), Some(&1_200)));
        state.version = Seq::MAX - 1;
        for (digit, text) in state
            .digits
            .iter_mut()
            .rev()
            .zip(std::format!("{}", Seq::MAX - 1).bytes().rev())
        {
            *digit = text;
        }
        assert_eq!(
            (same(&mut state), same(&mut state), same(&mut state)),
            (Seq::MAX, 1, 2)
        );
    }
}
