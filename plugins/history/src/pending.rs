//! What was not written yet, within a bound: where it is full, whoever has most is thinned, so that a flood in one
//! series costs the others nothing.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

/// A time, in milliseconds since the Unix epoch, and the value from then on.
pub(crate) type Sample = (u64, Value);

/// The samples of one series.
#[derive(Debug, Default)]
struct Track {
    samples: Vec<Sample>,
    bytes: usize,
}

/// See the module's documentation. Bytes are those that the samples have in a row, at the most.
#[derive(Debug)]
pub(crate) struct Pending {
    tracks: BTreeMap<String, Track>,
    bytes: usize,
    capacity: usize,
    /// Samples that were taken out to make room, and those that found none.
    pub(crate) thinned: u64,
    pub(crate) dropped: u64,
}

/// A sample in a row: `[1234567,` and the value and `],`.
fn cost(value: &Value) -> usize {
    let text = match value {
        // Each character may need an escape.
        Value::String(text) if text.chars().any(|c| c.is_control() || c == '"' || c == '\\') => {
            text.len() * 6 + 2
        }
        Value::String(text) => text.len() + 2,
        Value::Number(_) => 24,
        _ => 5,
    };
    12 + text
}

/// A name in a row, with the brackets of its samples.
fn name_cost(name: &str) -> usize {
    name.len() * 2 + 8
}

impl Pending {
    pub(crate) fn new(capacity: usize) -> Self {
        Pending {
            tracks: BTreeMap::new(),
            bytes: 0,
            capacity,
            thinned: 0,
            dropped: 0,
        }
    }

    /// Adds a sample; one of the same time is replaced.
    pub(crate) fn push(&mut self, name: &str, time: u64, value: Value) {
        let (new, more) = (cost(&value), name_cost(name));
        let known = self.tracks.get_mut(name);
        let needs = new + if known.is_some() { 0 } else { more };
        if let Some((last, before)) = known.and_then(|track| track.samples.last_mut())
            && *last == time
        {
            let old = cost(before);
            *before = value;
            self.charge(name, old, new);
            return;
        }
        while self.bytes + needs > self.capacity {
            if !self.thin() {
                self.replace_last(name, time, value);
                return;
            }
        }
        if !self.tracks.contains_key(name) {
            self.tracks.insert(name.to_owned(), Track::default());
            self.charge(name, 0, more);
        }
        if let Some(track) = self.tracks.get_mut(name) {
            track.samples.push((time, value));
        }
        self.charge(name, 0, new);
    }

    fn charge(&mut self, name: &str, old: usize, new: usize) {
        if let Some(track) = self.tracks.get_mut(name) {
            track.bytes = track.bytes + new - old;
            self.bytes = self.bytes + new - old;
        }
    }

    /// Takes every second sample of the series that has most, not the newest; false when all have one alone.
    fn thin(&mut self) -> bool {
        let most = self.tracks.iter_mut().max_by_key(|(_, track)| track.bytes);
        let most = match most {
            Some((_, track)) if track.samples.len() > 1 => Some(track),
            // It has few long ones.
            _ => self.tracks.values_mut().max_by_key(|track| track.samples.len()),
        };
        let Some(track) = most.filter(|track| track.samples.len() > 1) else {
            return false;
        };
        let (mut freed, mut count, len) = (0, 0, track.samples.len());
        let mut index = 0;
        track.samples.retain(|(_, value)| {
            index += 1;
            let stays = (len - index) % 2 == 0;
            if !stays {
                freed += cost(value);
                count += 1;
            }
            stays
        });
        track.bytes -= freed;
        self.bytes -= freed;
        self.thinned += count;
        true
    }

    /// There is room for no more samples: a series that has one has the newest.
    fn replace_last(&mut self, name: &str, time: u64, value: Value) {
        self.dropped += 1;
        let last = self
            .tracks
            .get_mut(name)
            .and_then(|track| track.samples.last_mut());
        if let Some(last) = last
            && cost(&value) <= cost(&last.1)
        {
            let (old, new) = (cost(&last.1), cost(&value));
            *last = (time, value);
            self.charge(name, old, new);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// More than half of the room is used.
    pub(crate) fn is_half_full(&self) -> bool {
        self.bytes > self.capacity / 2
    }

    /// The time of some sample.
    pub(crate) fn some_time(&self) -> Option<u64> {
        let first = self.tracks.values().next();
        first
            .and_then(|track| track.samples.first())
            .map(|(time, _)| *time)
    }

    /// The samples of a series.
    pub(crate) fn of(&self, name: &str) -> &[Sample] {
        self.tracks
            .get(name)
            .map_or(&[], |track| track.samples.as_slice())
    }

    /// The first samples, as many as a row of `room` bytes has room for: names with how many.
    pub(crate) fn portion(&self, room: usize) -> Vec<(String, usize)> {
        let (mut left, mut portion) = (room, Vec::new());
        for (name, track) in &self.tracks {
            let Some(mut rest) = left.checked_sub(name_cost(name)) else {
                break;
            };
            let mut count = 0;
            for (_, value) in &track.samples {
                match rest.checked_sub(cost(value)) {
                    Some(less) => rest = less,
                    None => break,
                }
                count += 1;
            }
            if count == 0 {
                break;
            }
            left = rest;
            portion.push((name.clone(), count));
            if count < track.samples.len() {
                break;
            }
        }
        portion
    }

    /// Takes out what was written.
    pub(crate) fn take_out(&mut self, portion: &[(String, usize)]) {
        for (name, count) in portion {
            let Some(track) = self.tracks.get_mut(name) else {
                continue;
            };
            let freed: usize = track.samples.drain(..count).map(|(_, value)| cost(&value)).sum();
            track.bytes -= freed;
            self.bytes -= freed;
            if track.samples.is_empty() {
                self.bytes -= track.bytes;
                self.tracks.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use serde_json::json;

    fn sums(pending: &Pending) {
        let bytes = |(name, track): (&String, &Track)| {
            let own = track.samples.iter().map(|(_, value)| cost(value)).sum::<usize>() + name_cost(name);
            assert_eq!(own, track.bytes);
            own
        };
        assert_eq!(pending.bytes, pending.tracks.iter().map(bytes).sum::<usize>());
        assert!(pending.bytes <= pending.capacity);
    }

    #[test]
    fn a_flood_is_thinned_and_the_others_keep_all() {
        let mut pending = Pending::new(20_000);
        for time in 0..100_000 {
            if time % 1_000 == 0 {
                pending.push("door.open", time, json!(time % 2_000 == 0));
            }
            pending.push("meter.power", time, json!(time));
        }
        sums(&pending);
        assert_eq!(pending.of("door.open").len(), 100);
        let meter = pending.of("meter.power");
        assert!((100..600).contains(&meter.len()), "{}", meter.len());
        assert_eq!(meter.last(), Some(&(99_999, json!(99_999))));
        assert!(meter.is_sorted_by_key(|(time, _)| *time));
        assert_eq!(pending.thinned + meter.len() as u64, 100_000);
        assert_eq!(pending.dropped, 0);
    }

    #[test]
    fn with_more_series_than_room_the_newest_values_stay() {
        let mut pending = Pending::new(2_000);
        for time in 0..10_000 {
            pending.push(&format!("s{}", time % 100), time, json!(time));
        }
        sums(&pending);
        assert!(pending.dropped > 0);
        let held: Vec<_> = (0..100)
            .filter_map(|n| pending.of(&format!("s{n}")).last())
            .collect();
        assert!(
            held.len() > 20 && held.iter().all(|(time, _)| *time >= 9_900),
            "{held:?}"
        );
    }

    #[test]
    fn portions_are_all_of_it_and_fit() {
        let mut pending = Pending::new(100_000);
        for time in 0..1_000 {
            pending.push(&format!("s{}", time % 7), time, json!(format!("\"{time}\"")));
            pending.push("long", time, json!(time));
        }
        let (mut samples, mut rows) = (0, 0);
        while !pending.is_empty() {
            let portion = pending.portion(3_000);
            assert!(!portion.is_empty());
            samples += portion.iter().map(|(_, count)| count).sum::<usize>();
            pending.take_out(&portion);
            sums(&pending);
            rows += 1;
        }
        assert_eq!((samples, pending.bytes), (2_000, 0));
        assert!(rows > 20);
    }

    #[test]
    fn no_value_is_longer_than_it_is_said_to_be() {
        for value in [
            json!(-1.234_567_890_123_456_7e-300),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(false),
            json!("\u{1}\"\\é"),
        ] {
            let text = serde_json::to_string(&(86_399_999, &value)).unwrap_or_default();
            assert!(text.len() < cost(&value), "{text}");
        }
    }

    #[test]
    fn of_one_time_there_is_one_value() {
        let mut pending = Pending::new(1_000);
        pending.push("a", 5, json!(1));
        pending.push("a", 5, json!("long enough"));
        sums(&pending);
        assert_eq!(pending.of("a"), [(5, json!("long enough"))]);
    }
}
