//! State changes and the events that tell of them: `state.changed.<key>` with `{"value":…,"version":…}`,
//! `{"deleted":true,"version":…}` or `{"expired":true,"version":…}`.

use super::{Core, EntryInfo};
use crate::bus::{Draft, Origin, Seq, wide};
use crate::fault::{Capacity, Fault};
use crate::id::PluginId;
use crate::json::Json;
use crate::state::{CHANGED, MAX_KEY, is_reserved};
use crate::subject::Name;
use crate::time::{Deadline, Instant, Span};

/// Digits of the longest number.
const DIGITS: usize = if cfg!(feature = "large") { 20 } else { 10 };

impl Core {
    fn change<'a>(&self, who: PluginId, key: &'a str, payload: &'a [&'a [u8]]) -> Draft<'a> {
        let origin = if who.is_plugin() {
            self.origin_of(who)
        } else {
            Origin::NONE
        };
        Draft {
            source: who,
            origin,
            topic: [CHANGED, key],
            payload,
        }
    }

    /// Sets all of these values, or none: the version of the last one.
    pub(crate) fn set_state(
        &mut self,
        who: PluginId,
        writes: &[(Name<'_>, Json<'_>)],
        ttl: Option<Span>,
        expected: Option<u64>,
    ) -> Result<Seq, Fault> {
        let now = self.now();
        if self.state.due.is_due(now) {
            self.expire_state(now);
        }
        self.state.check(writes, expected, &self.names)?;
        let (mut entries, mut bytes) = (0u32, 0u32);
        for (key, value) in writes {
            if who != PluginId::KERNEL && is_reserved(key.as_str()) {
                return Err(Fault::Reserved);
            }
            let (more, cost) = self.more_for(who, key.as_str(), value.as_bytes().len());
            (entries, bytes) = (entries.saturating_add(more), bytes.saturating_add(cost));
            let longest = [
                b"{\"value\":".as_slice(),
                value.as_bytes(),
                b",\"version\":}",
                &[b'9'; DIGITS],
            ];
            let draft = self.change(who, key.as_str(), &longest);
            if let Err(fault) = self.bus.check(&draft, true) {
                let origin = draft.origin;
                return Err(self.explain(who, origin, fault));
            }
        }
        self.check_share(who, Capacity::StateEntries, entries)?;
        self.check_share(who, Capacity::StateBytes, bytes)?;
        let expires = ttl.map_or(Deadline::NONE, |ttl| now.due(ttl));
        let mut last = 0;
        for (key, value) in writes {
            self.release_share(key.as_str());
            let version = self.state.set(who, *key, *value, expires, &mut self.names)?;
            self.hold(who, Capacity::StateEntries, 1);
            self.hold(
                who,
                Capacity::StateBytes,
                self.state.cost(value.as_bytes().len()) as i32,
            );
            last = version;
            let mut digits = [0; DIGITS];
            let version = decimal(version, &mut digits);
            let payload = [
                b"{\"value\":".as_slice(),
                value.as_bytes(),
                b",\"version\":",
                version,
                b"}",
            ];
            self.tell(who, key.as_str(), &payload, now);
        }
        self.arm(expires);
        Ok(last)
    }

    /// Publishes a change, for which there is room in the log.
    fn tell(&mut self, who: PluginId, key: &str, payload: &[&[u8]], now: Instant) {
        let draft = self.change(who, key, payload);
        if let Ok(size) = self.bus.check(&draft, true) {
            self.bus.publish(&draft, size, now, &self.names, &mut self.wake);
        }
    }

    /// How many entries, and bytes of the pool, a write adds to what `who` holds.
    #[cfg(feature = "large")]
    fn more_for(&self, who: PluginId, key: &str, len: usize) -> (u32, u32) {
        let cost = self.state.cost(len);
        match self.state.holder(key, &self.names) {
            Some((owner, old)) if owner == who => (0, cost.saturating_sub(self.state.cost(old))),
            _ => (1, cost),
        }
    }

    #[cfg(not(feature = "large"))]
    fn more_for(&self, _: PluginId, _: &str, _: usize) -> (u32, u32) {
        (0, 0)
    }

    /// Whoever holds the entry of this key now is about not to.
    #[cfg(feature = "large")]
    fn release_share(&mut self, key: &str) {
        if let Some((owner, len)) = self.state.holder(key, &self.names) {
            self.hold(owner, Capacity::StateEntries, -1);
            self.hold(owner, Capacity::StateBytes, -(self.state.cost(len) as i32));
        }
    }

    #[cfg(not(feature = "large"))]
    fn release_share(&mut self, _: &str) {}

    /// Deletes a value; false when there was none.
    pub(crate) fn delete_state(
        &mut self,
        who: PluginId,
        key: &str,
        expected: Option<u64>,
    ) -> Result<bool, Fault> {
        let now = self.now();
        if self.state.due.is_due(now) {
            self.expire_state(now);
        }
        if who != PluginId::KERNEL && is_reserved(key) {
            return Err(Fault::Reserved);
        }
        match self.state.find_to_delete(key, expected, &self.names)? {
            Some(index) => {
                self.drop_entry(who, index, b"{\"deleted\":true,\"version\":", now);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn drop_entry(&mut self, who: PluginId, index: usize, how: &[u8], now: Instant) {
        let mut copy = heapless::String::<MAX_KEY>::new();
        let Some(entry) = self.state.at(index) else { return };
        // A key is never longer.
        let _ = copy.push_str(entry.key(&self.names));
        self.release_share(&copy);
        let version = self.state.remove(index, &mut self.names);
        let mut digits = [0; DIGITS];
        let payload = [how, decimal(version, &mut digits), b"}"];
        self.tell(who, &copy, &payload, now);
    }

    /// Drops what has expired.
    pub(super) fn expire_state(&mut self, now: Instant) {
        while let Some(index) = self.state.expired(now) {
            self.drop_entry(PluginId::KERNEL, index, b"{\"expired\":true,\"version\":", now);
        }
    }

    /// Deletes all values that `who` wrote last (the operator: all but the kernel's); how many.
    pub(crate) fn clear_state(&mut self, who: PluginId) -> u32 {
        let now = self.now();
        self.expire_state(now);
        let mut count = 0u32;
        for index in 0..self.state.extent() {
            let Some(entry) = self.state.at(index) else {
                continue;
            };
            let own = entry.owner == who || (who == PluginId::OPERATOR && entry.owner != PluginId::KERNEL);
            if own && !is_reserved(entry.key(&self.names)) {
                self.drop_entry(who, index, b"{\"deleted\":true,\"version\":", now);
                count = count.wrapping_add(1);
            }
        }
        count
    }

    /// This life of a plugin is over: the values that it wrote last go with it.
    pub(super) fn reclaim_state(&mut self, who: PluginId) {
        let now = self.now();
        for index in 0..self.state.extent() {
            if self.state.at(index).is_some_and(|entry| entry.owner == who) {
                self.drop_entry(PluginId::KERNEL, index, b"{\"deleted\":true,\"version\":", now);
            }
        }
    }

    /// See [`Op::Entry`](super::Op::Entry).
    pub(super) fn next_entry(
        &self,
        prefix: &str,
        info: &mut EntryInfo,
        buf: &mut [u8],
    ) -> Result<u32, Fault> {
        let now = self.now();
        loop {
            let (entry, key) = if info.cursor == EntryInfo::EXACT {
                (
                    self.state
                        .get(prefix, &self.names, self.clock)
                        .ok_or(Fault::Absent)?,
                    prefix,
                )
            } else {
                let index = info.cursor as usize;
                if index >= self.state.extent() {
                    return Err(Fault::Absent);
                }
                info.cursor = info.cursor.wrapping_add(1);
                let Some(entry) = self.state.at(index) else {
                    continue;
                };
                let key = entry.key(&self.names);
                if entry.expires.is_due(now) || !key.starts_with(prefix) {
                    continue;
                }
                (entry, key)
            };
            let len = key.len() as u32;
            let Some((to, rest)) = buf.split_at_mut_checked(key.len()) else {
                return Err(Fault::Buffer { len });
            };
            to.copy_from_slice(key.as_bytes());
            info.key = key.len();
            info.value = self.state.copy(entry, rest).ok().map(<[u8]>::len);
            info.version = wide(entry.version);
            info.ttl = entry.expires.instant().map(|at| at.since(now));
            info.owner = entry.owner;
            return Ok(1);
        }
    }
}

/// A number in digits.
fn decimal(mut number: Seq, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut left = DIGITS;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add((number % 10) as u8);
        number /= 10;
        left = left.wrapping_sub(1);
        if number == 0 {
            break;
        }
    }
    digits.get(left..).unwrap_or(&[])
}
