//! The entries of all callers, of which none can push out the others.

use std::collections::BTreeMap;

use kernel_core::Instant;

use crate::source::{Line, Rates, Source};
use crate::types::{MAX_LIMIT, RecentCall};

/// Callers that are known at a time: more than a runtime has plugins.
const MAX_SOURCES: usize = 256;

/// The most bytes of the entries in an answer: one has 64 KiB.
const MAX_ANSWER: usize = 60_000;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct LogRing {
    max_entries: usize,
    max_bytes: usize,
    rates: Rates,
    sources: BTreeMap<String, Source>,
    entries: usize,
    bytes: usize,
    /// Of all callers, those who were forgotten as well.
    pub(crate) limited: u64,
    pub(crate) evicted: u64,
}

impl LogRing {
    pub(crate) fn new(max_entries: usize, max_bytes: usize, rates: Rates) -> Self {
        LogRing {
            max_entries,
            max_bytes,
            rates,
            sources: BTreeMap::new(),
            entries: 0,
            bytes: 0,
            limited: 0,
            evicted: 0,
        }
    }

    /// Whether this caller may say one more entry; how many of its were left out before it.
    pub(crate) fn admit(&mut self, source: &str, now: Instant) -> Option<u64> {
        if !self.sources.contains_key(source) {
            self.make_room_for_one();
            let new = Source::new(self.rates, now);
            self.sources.insert(source.to_owned(), new);
        }
        let admitted = self.sources.get_mut(source)?.admit(self.rates, now);
        self.limited += u64::from(admitted.is_none());
        admitted
    }

    /// Keeps an entry of a caller that was admitted.
    pub(crate) fn push(&mut self, source: &str, line: Line) {
        let Some(of) = self.sources.get_mut(source) else {
            return;
        };
        self.entries += 1;
        self.bytes += line.bytes();
        of.push(line);
        while self.entries > self.max_entries || self.bytes > self.max_bytes {
            let by_entries = self.entries > self.max_entries;
            let share = |source: &Source| {
                if by_entries {
                    source.lines.len()
                } else {
                    source.bytes
                }
            };
            let Some(largest) = self.sources.values_mut().max_by_key(|source| share(source)) else {
                return;
            };
            self.bytes -= largest.evict();
            self.entries -= 1;
            self.evicted += 1;
        }
    }

    /// The entries that are wanted, as JSON, and the id of the last of them: see the crate's documentation.
    pub(crate) fn recent(&self, wanted: &RecentCall) -> (Vec<&str>, Option<u64>) {
        let is_wanted = |source: &str, line: &Line| {
            wanted.level.is_none_or(|level| line.level >= level)
                && wanted.since.is_none_or(|since| line.id > since)
                && wanted
                    .plugin
                    .as_ref()
                    .is_none_or(|plugin| *plugin == line.plugin || plugin == source)
        };
        let all = self.sources.iter();
        let mut found: Vec<&Line> = all
            .flat_map(|(name, source)| source.lines.iter().filter(move |line| is_wanted(name, line)))
            .collect();
        found.sort_unstable_by_key(|line| line.id);
        let follows = wanted.since.is_some();
        if !follows {
            found.reverse();
        }
        let mut room = MAX_ANSWER;
        let limit = wanted.limit.unwrap_or(100).min(MAX_LIMIT) as usize;
        let fits = |line: &&Line| {
            let left = room.checked_sub(line.text.len() + 1);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let mut answer: Vec<&Line> = found.into_iter().take(limit).take_while(fits).collect();
        if !follows {
            answer.reverse();
        }
        let last = answer.last().map(|line| line.id);
        (answer.into_iter().map(|line| line.text.as_str()).collect(), last)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(name, source)| (name.as_str(), source))
    }

    /// Entries, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.entries, self.bytes)
    }

    /// Forgets who was silent longest, where all places are taken.
    fn make_room_for_one(&mut self) {
        if self.sources.len() < MAX_SOURCES {
            return;
        }
        let silent = self
            .sources
            .iter()
            .min_by_key(|(_, source)| source.last_heard().as_micros());
        let Some(name) = silent.map(|(name, _)| name.clone()) else {
            return;
        };
        if let Some(source) = self.sources.remove(&name) {
            self.entries -= source.lines.len();
            self.evicted += source.lines.len() as u64;
            self.bytes -= source.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::LogLevel;

    const RATES: Rates = Rates {
        per_second: 1,
        burst: 1_000_000,
    };

    struct Said(LogRing, u64);

    impl Said {
        fn say(&mut self, source: &str, bytes: usize) {
            self.1 += 1;
            let now = Instant::from_micros(self.1);
            assert!(self.0.admit(source, now).is_some());
            let line = Line {
                id: self.1,
                level: LogLevel::Info,
                plugin: source.to_owned(),
                text: "x".repeat(bytes),
            };
            self.0.push(source, line);
        }

        fn held(&self, source: &str) -> usize {
            self.0.sources[source].lines.len()
        }

        fn sums(&self) {
            let sources = || self.0.sources.values();
            assert_eq!(
                self.0.entries,
                sources().map(|source| source.lines.len()).sum::<usize>()
            );
            let bytes = |source: &Source| source.lines.iter().map(Line::bytes).sum::<usize>();
            assert_eq!(self.0.bytes, sources().map(bytes).sum::<usize>());
            assert!(self.0.entries <= self.0.max_entries && self.0.bytes <= self.0.max_bytes);
        }
    }

    #[test]
    fn whoever_has_most_makes_room() {
        let mut said = Said(LogRing::new(100, 1 << 20, RATES), 0);
        for _ in 0..20 {
            said.say("quiet", 10);
        }
        for _ in 0..10_000 {
            said.say("flood", 10);
        }
        assert_eq!((said.held("quiet"), said.held("flood")), (20, 80));
        for _ in 0..10_000 {
            said.say("other", 10);
        }
        assert_eq!(
            (said.held("quiet"), said.held("flood"), said.held("other")),
            (20, 40, 40)
        );
        said.sums();
    }

    #[test]
    fn bytes_are_shared_as_entries_are() {
        let mut said = Said(LogRing::new(100_000, 100_000, RATES), 0);
        for _ in 0..50 {
            said.say("short", 100);
        }
        for _ in 0..1_000 {
            said.say("long", 8_000);
        }
        assert_eq!(said.held("short"), 50);
        assert!((5..=12).contains(&said.held("long")), "{}", said.held("long"));
        said.sums();
    }

    #[test]
    fn of_too_many_callers_the_silent_are_forgotten() {
        let mut said = Said(LogRing::new(1_000, 1 << 20, RATES), 0);
        for number in 0..2 * MAX_SOURCES {
            said.say(&format!("p{number}"), 10);
        }
        assert_eq!(said.0.sources.len(), MAX_SOURCES);
        assert!(!said.0.sources.contains_key("p0"));
        assert_eq!(said.held(&format!("p{}", 2 * MAX_SOURCES - 1)), 1);
        said.sums();
    }
}
