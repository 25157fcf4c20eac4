//! State changes and the events that announce them: `state.changed.<key>` with `{"value":…,"version":…}`,
//! `{"deleted":true,"version":…}` or `{"expired":true,"version":…}`.

use super::{Core, EntryInfo};
use crate::bus::{NewRecord, Seq, wide};
use crate::fault::{Capacity, Fault};
use crate::id::PluginId;
use crate::json::Json;
use crate::state::{CHANGED, DIGITS, is_reserved};
use crate::subject::Name;
use crate::time::{Deadline, Instant, Span};

/// What an announcement has besides the value, at most.
const FRAME: usize = br#"{"value":,"version":}"#.len() + DIGITS;

const VERSION: &[u8] = br#","version":"#;
const DELETED: &[u8] = br#"{"deleted":true"#;
const EXPIRED: &[u8] = br#"{"expired":true"#;

impl Core {
    /// Sets all of these values, or none: the version of the last one.
    pub(crate) fn set_state(
        &mut self,
        who: PluginId,
        writes: &[(Name<'_>, Json<'_>)],
        ttl: Option<Span>,
        expected: Option<u64>,
    ) -> Result<Seq, Fault> {
        let now = self.now();
        self.expire_state(now);
        let origin = self.origin_of(who);
        let more = self.state.check(who, writes, expected, &self.names)?;
        for (key, value) in writes {
            if who != PluginId::KERNEL && is_reserved(key.as_str()) {
                return Err(Fault::Reserved);
            }
            let topic = CHANGED.len().wrapping_add(key.as_str().len());
            let payload = value.len().wrapping_add(FRAME);
            if let Err(fault) = self.bus.size(origin, topic, payload) {
                return Err(self.explain(who, origin, fault));
            }
        }
        self.check_share(who, Capacity::StateEntries, more.entries)?;
        self.check_share(who, Capacity::StateBytes, more.bytes)?;
        let expires = ttl.map_or(Deadline::NONE, |ttl| now.due(ttl));
        let mut last = 0;
        for (key, value) in writes {
            let written = self.state.set(who, *key, *value, expires, &mut self.names)?;
            if let Some((owner, bytes)) = written.before {
                self.hold_state(owner, -1, bytes);
            }
            self.hold_state(who, 1, self.state.cost(value.len()));
            last = written.version;
            let record = NewRecord {
                source: who,
                origin,
                topic: [CHANGED.as_bytes(), key.as_str().as_bytes()],
                payload: &[
                    br#"{"value":"#,
                    value.as_bytes(),
                    VERSION,
                    self.state.version_digits(),
                    b"}",
                ],
            };
            self.bus.announce(&record, now, &self.names, &mut self.wakes);
        }
        self.arm(expires);
        Ok(last)
    }

    /// Notes that a plugin holds an entry of so many bytes more, or less.
    fn hold_state(&mut self, who: PluginId, sign: i32, bytes: u32) {
        self.hold(who, Capacity::StateEntries, sign);
        self.hold(who, Capacity::StateBytes, sign.wrapping_mul(bytes as i32));
    }

    /// Deletes a value; false when there was none.
    pub(crate) fn delete_state(
        &mut self,
        who: PluginId,
        key: &str,
        expected: Option<u64>,
    ) -> Result<bool, Fault> {
        let now = self.now();
        self.expire_state(now);
        if who != PluginId::KERNEL && is_reserved(key) {
            return Err(Fault::Reserved);
        }
        let found = self.state.find_to_delete(key, expected, &self.names)?;
        if let Some(index) = found {
            self.drop_entry(who, index, DELETED, now);
        }
        Ok(found.is_some())
    }

    fn drop_entry(&mut self, who: PluginId, index: usize, how: &'static [u8], now: Instant) {
        let origin = self.origin_of(who);
        self.state.next_version();
        let Some(entry) = self.state.at(index) else { return };
        let (owner, bytes) = (entry.owner, self.state.cost(entry.len()));
        let record = NewRecord {
            source: who,
            origin,
            topic: [CHANGED.as_bytes(), entry.key(&self.names)],
            payload: &[how, VERSION, self.state.version_digits(), b"}"],
        };
        self.bus.announce(&record, now, &self.names, &mut self.wakes);
        self.state.remove(index, &mut self.names);
        self.hold_state(owner, -1, bytes);
    }

    /// Drops what has expired.
    pub(super) fn expire_state(&mut self, now: Instant) {
        while let Some(index) = self.state.expired(now) {
            self.drop_entry(PluginId::KERNEL, index, EXPIRED, now);
        }
    }

    /// Deletes all values that `who` wrote last (the operator: all but the kernel's); how many.
    pub(crate) fn clear_state(&mut self, who: PluginId) -> u32 {
        let now = self.now();
        self.expire_state(now);
        self.drop_entries(who, now, |owner| {
            owner == who || (who == PluginId::OPERATOR && owner != PluginId::KERNEL)
        })
    }

    /// This life of a plugin is over: the values that it wrote last go with it.
    pub(super) fn reclaim_state(&mut self, who: PluginId) {
        let now = self.now();
        self.drop_entries(PluginId::KERNEL, now, |owner| owner == who);
    }

    /// Deletes the values of these owners, on behalf of `who`; how many.
    fn drop_entries(&mut self, who: PluginId, now: Instant, of: impl Fn(PluginId) -> bool) -> u32 {
        let mut count = 0u32;
        for index in 0..self.state.extent() {
            if self.state.at(index).is_some_and(|entry| of(entry.owner)) {
                self.drop_entry(who, index, DELETED, now);
                count = count.wrapping_add(1);
            }
        }
        count
    }

    /// See [`Op::Entry`](super::Op::Entry).
    pub(super) fn next_entry(
        &self,
        prefix: &str,
        info: &mut EntryInfo,
        buf: &mut [u8],
    ) -> Result<u32, Fault> {
        let now = self.now();
        let exact = info.cursor == EntryInfo::EXACT;
        loop {
            let index = if exact {
                self.state.find(prefix, &self.names).ok_or(Fault::Absent)?
            } else {
                let index = info.cursor as usize;
                if index >= self.state.extent() {
                    return Err(Fault::Absent);
                }
                info.cursor = info.cursor.wrapping_add(1);
                index
            };
            let found = self.state.at(index).filter(|entry| {
                !entry.expires.is_due(now) && entry.key(&self.names).starts_with(prefix.as_bytes())
            });
            let Some(entry) = found else {
                if exact {
                    return Err(Fault::Absent);
                }
                continue;
            };
            let key = entry.key(&self.names);
            let len = key.len() as u32;
            let Some((to, rest)) = buf.split_at_mut_checked(key.len()) else {
                return Err(Fault::Buffer { len });
            };
            to.copy_from_slice(key);
            info.key = key.len();
            info.value = self.state.copy(entry, rest).ok().map(<[u8]>::len);
            info.version = wide(entry.version);
            info.ttl = entry.expires.span_from(now);
            info.owner = entry.owner;
            return Ok(1);
        }
    }
}
