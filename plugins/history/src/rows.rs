//! What is stored: rows of samples, and rows of a day's figures, with their keys.
//!
//! | key | value |
//! |---|---|
//! | `raw\|<last ms>\|<first ms>` | `{"<series>": [[ms after the first, value], …], …}`: what was collected, of one day |
//! | `day\|<day>\|<series>` | `{"minutes": 60, "rows": [[minute, count, last, min, mean, max], …]}` |
//! | `keys\|<number>` | `{"<series>": <last day>, …}` |
//! | `meta` | `{"figures_until": <day>}`: of the days before this one there are figures, and no samples any more |
//!
//! Days are counted from the Unix epoch, in UTC. Keys sort as their numbers do.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use plugin_kit::MAX_REPLY;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

use crate::fields::MAX_SERIES_NAME;
use crate::figures::Figures;
use crate::pending::{Pending, Sample};

/// Bytes of a row: a value has 64,000 on a host.
pub(crate) const ROW: usize = MAX_REPLY / 8 * 7;

/// The milliseconds of a day.
pub(crate) const DAY: u64 = 86_400_000;

pub(crate) const RAW: &str = "raw|";
pub(crate) const FIGURES: &str = "day|";
pub(crate) const NAMES: &str = "keys|";
pub(crate) const META: &str = "meta";

/// The key of a row of samples, by the times of its last and first.
pub(crate) fn raw_key(last: u64, first: u64) -> String {
    format!("{RAW}{last:014}|{first:014}")
}

/// The times in such a key.
pub(crate) fn raw_times(key: &str) -> Option<(u64, u64)> {
    let (last, first) = key.strip_prefix(RAW)?.split_once('|')?;
    Some((last.parse().ok()?, first.parse().ok()?))
}

/// The key of a series' figures of a day.
pub(crate) fn figures_key(day: u64, series: &str) -> String {
    format!("{}{series}", figures_prefix(day))
}

/// What the keys of a day's figures begin with.
pub(crate) fn figures_prefix(day: u64) -> String {
    format!("{FIGURES}{day:06}|")
}

/// The day in such a key.
pub(crate) fn figures_day(key: &str) -> Option<u64> {
    key.strip_prefix(FIGURES)?.split_once('|')?.0.parse().ok()
}

/// The row for a portion of what is pending: the times of its last and first sample, and its text.
pub(crate) fn encode_raw(pending: &Pending, portion: &[(String, usize)]) -> (u64, u64, String) {
    let samples = |(name, count): &(String, usize)| (name.clone(), pending.of(name)[..*count].to_vec());
    let mut row: BTreeMap<String, Vec<Sample>> = portion.iter().map(samples).collect();
    let times = || row.values().flatten().map(|(time, _)| *time);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    for sample in row.values_mut().flatten() {
        sample.0 -= first;
    }
    // Texts, numbers and flags have a JSON.
    (last, first, serde_json::to_string(&row).unwrap_or_default())
}

/// The series of a row whose first sample has this time.
pub(crate) fn decode_raw(first: u64, text: &[u8]) -> Result<BTreeMap<String, Vec<Sample>>, String> {
    let mut row: BTreeMap<String, Vec<Sample>> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    for sample in row.values_mut().flatten() {
        sample.0 = sample.0.saturating_add(first);
    }
    Ok(row)
}

/// The samples of one series in a row whose first sample has this time; the others are passed over.
pub(crate) fn decode_raw_of(series: &str, first: u64, text: &[u8]) -> Result<Vec<Sample>, String> {
    let mut decoder = serde_json::Deserializer::from_slice(text);
    let mut samples = Only(series)
        .deserialize(&mut decoder)
        .map_err(|error| error.to_string())?;
    for sample in &mut samples {
        sample.0 = sample.0.saturating_add(first);
    }
    Ok(samples)
}

/// The value of one key of an object.
struct Only<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Only<'_> {
    type Value = Vec<Sample>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Only<'_> {
    type Value = Vec<Sample>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the samples of several series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The longest text among figures, in bytes.
const FIGURES_TEXT: usize = 32;

/// The row of a day's figures. Where they are too long for one, which they are for texts of nothing but escapes, every
/// second is left out.
pub(crate) fn encode_figures(minutes: u64, figures: &[Figures]) -> String {
    let last = |of: &Figures| match &of.last {
        Value::String(text) => text[..text.floor_char_boundary(FIGURES_TEXT)].into(),
        other => other.clone(),
    };
    let row = |of: &Figures| match of.numbers {
        Some((min, mean, max)) => json!([of.minute, of.count, last(of), min, mean, max]),
        None => json!([of.minute, of.count, last(of)]),
    };
    let mut rows: Vec<Value> = figures.iter().map(row).collect();
    loop {
        let text = json!({ "minutes": minutes, "rows": rows }).to_string();
        if text.len() <= ROW - MAX_SERIES_NAME || rows.len() < 2 {
            return text;
        }
        let mut index = 0;
        rows.retain(|_| {
            index += 1;
            index % 2 == 1
        });
    }
}

/// The figures in a row.
pub(crate) fn decode_figures(text: &[u8]) -> Option<Vec<Figures>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let rows = value.get("rows")?.as_array()?.iter().map(|row| {
        let number = |index: usize| row.get(index)?.as_f64();
        Some(Figures {
            minute: row.get(0)?.as_u64()?,
            count: row.get(1)?.as_u64()?,
            last: row.get(2)?.clone(),
            numbers: number(3)
                .zip(number(4))
                .zip(number(5))
                .map(|((min, mean), max)| (min, mean, max)),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_their_times() {
        assert!(
            raw_key(9, 1) < raw_key(10, 0) && raw_key(1_767_225_600_000, 0) < raw_key(9_999_999_999_999, 0)
        );
        assert_eq!(
            raw_times(&raw_key(1_767_225_600_000, 7)),
            Some((1_767_225_600_000, 7))
        );
        let key = figures_key(20_454, "a|b");
        assert_eq!(figures_day(&key), Some(20_454));
        assert!(figures_prefix(20_454) < key && key < figures_prefix(20_455));
        assert!(figures_day(&raw_key(1, 1)).is_none() && raw_times(&key).is_none());
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_fit() {
        let mut pending = Pending::new(usize::MAX);
        for time in 0..5_000 {
            for value in [json!(-1234.5), json!("\u{1}".repeat(20)), json!(null)] {
                pending.push(
                    &format!("s\"{}", time % 11),
                    1_767_225_600_000 + time * 1_000 + cost_of(&value),
                    value,
                );
            }
        }
        let mut rows = 0;
        while !pending.is_empty() {
            let portion = pending.portion(ROW);
            let (last, first, text) = encode_raw(&pending, &portion);
            assert!(text.len() <= ROW && first <= last, "{}", text.len());
            let row = decode_raw(first, text.as_bytes()).unwrap();
            for (name, count) in &portion {
                assert_eq!(row[name], pending.of(name)[..*count]);
                assert_eq!(decode_raw_of(name, first, text.as_bytes()).unwrap(), row[name]);
            }
            pending.take_out(&portion);
            rows += 1;
        }
        assert!(rows > 1);
        assert!(decode_raw(0, b"[]").is_err() && decode_raw_of("s", 0, b"[]").is_err());
        assert_eq!(decode_raw_of("s", 0, b"{}"), Ok(Vec::new()));
    }

    fn cost_of(value: &Value) -> u64 {
        value.to_string().len() as u64
    }

    #[test]
    fn figures_are_read_as_they_were_written() {
        let figures = [
            Figures {
                minute: 0,
                count: 2,
                last: json!(3),
                numbers: Some((1.0, 2.5, 3.0)),
            },
            Figures {
                minute: 60,
                count: 1,
                last: json!("on"),
                numbers: None,
            },
        ];
        let text = encode_figures(60, &figures);
        assert_eq!(decode_figures(text.as_bytes()).unwrap(), figures);
        assert_eq!(decode_figures(b"{}"), None);
        let long = |minute| Figures {
            minute,
            count: 1,
            last: "\u{1}".repeat(128).into(),
            numbers: Some((1e-300, 1e-300, 1e-300)),
        };
        let text = encode_figures(1, &(0..1_440).map(long).collect::<Vec<_>>());
        assert!(text.len() < ROW && decode_figures(text.as_bytes()).unwrap().len() > 100);
    }
}
