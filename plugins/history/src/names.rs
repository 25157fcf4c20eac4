//! The series that are known, and since when nothing came of them.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Bound::{Included, Unbounded};

use serde_json::Value;

use crate::rows::{NAMES, ROW};
use crate::store::Write;

/// A series.
#[derive(Debug)]
struct Series {
    /// The value of the last sample; `None` when nothing came in this life.
    value: Option<Value>,
    /// The day of the last sample.
    day: u64,
    /// The row that it stands in.
    row: usize,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct SeriesNames {
    all: BTreeMap<String, Series>,
    /// Bytes of each row.
    rows: Vec<usize>,
    /// Rows that are to be written.
    changed: BTreeSet<usize>,
}

/// A name in a row, with escapes and the day.
fn bytes_of(name: &str) -> usize {
    name.len() * 2 + 12
}

impl SeriesNames {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// Takes in a row of the storage.
    pub(crate) fn load(&mut self, row: BTreeMap<String, u64>) {
        let number = self.rows.len();
        self.rows.push(row.keys().map(|name| bytes_of(name)).sum());
        for (name, day) in row {
            let series = Series {
                value: None,
                day,
                row: number,
            };
            self.all.insert(name, series);
        }
    }

    /// Notes a sample: true when it is to be recorded, because it is another value than the last one. `None` when there
    /// are `most` series already.
    pub(crate) fn note(&mut self, name: &str, day: u64, value: &Value, most: usize) -> Option<bool> {
        if let Some(series) = self.all.get_mut(name) {
            let is_new = series.value.as_ref() != Some(value);
            if is_new {
                series.value = Some(value.clone());
            }
            series.day = series.day.max(day);
            return Some(is_new);
        }
        if self.all.len() >= most {
            return None;
        }
        let bytes = bytes_of(name);
        let row = self.rows.iter().position(|row| row + bytes <= ROW);
        let row = row.unwrap_or_else(|| {
            self.rows.push(0);
            self.rows.len() - 1
        });
        self.rows[row] += bytes;
        self.changed.insert(row);
        let series = Series {
            value: Some(value.clone()),
            day,
            row,
        };
        self.all.insert(name.to_owned(), series);
        Some(true)
    }

    /// Forgets series of which nothing came since this day; all rows are to be written.
    pub(crate) fn expire(&mut self, since: u64) {
        let rows = &mut self.rows;
        self.all.retain(|name, series| {
            let stays = series.day >= since;
            if !stays {
                rows[series.row] -= bytes_of(name);
            }
            stays
        });
        self.changed = (0..self.rows.len()).collect();
    }

    /// The names after `after` that begin with `prefix`.
    pub(crate) fn after<'a>(&'a self, prefix: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
        let begin = if after < prefix { prefix } else { after };
        let from = self
            .all
            .range::<str, _>((Included(begin), Unbounded))
            .map(|(name, _)| name.as_str());
        from.take_while(move |name| name.starts_with(prefix))
            .filter(move |name| after.is_empty() || *name > after)
    }

    /// The rows that are to be written.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let row = |number: &usize| {
            let here = self.all.iter().filter(|(_, series)| series.row == *number);
            let row: BTreeMap<&str, u64> = here.map(|(name, series)| (name.as_str(), series.day)).collect();
            // Texts and numbers have a JSON.
            let text = serde_json::to_string(&row).unwrap_or_else(|_| "{}".to_string());
            Write::Set(format!("{NAMES}{number:04}"), text)
        };
        self.changed.iter().map(row).collect()
    }

    /// They are written.
    pub(crate) fn written(&mut self) {
        self.changed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_did_not_change_is_not_recorded_and_series_are_bounded() {
        let mut names = SeriesNames::default();
        assert_eq!(names.note("a", 1, &json!(5), 2), Some(true));
        assert_eq!(names.note("a", 2, &json!(5), 2), Some(false));
        assert_eq!(names.note("a", 2, &json!(6), 2), Some(true));
        assert_eq!(names.note("b", 1, &json!(null), 2), Some(true));
        assert_eq!(names.note("c", 1, &json!(1), 2), None);
        names.expire(2);
        assert_eq!(names.after("", "").collect::<Vec<_>>(), ["a"]);
        assert_eq!(names.note("c", 2, &json!(1), 2), Some(true));
    }

    #[test]
    fn rows_fit_and_are_read_back() {
        let mut names = SeriesNames::default();
        for number in 0..2_000 {
            names.note(&format!("{number:04}{}", "\"".repeat(150)), 7, &json!(1), 10_000);
        }
        let mut other = SeriesNames::default();
        let writes = names.writes();
        assert!(writes.len() > 5, "{}", writes.len());
        for write in writes {
            let Write::Set(key, text) = write else { panic!() };
            assert!(text.len() <= ROW && key.starts_with(NAMES));
            other.load(serde_json::from_str(&text).unwrap());
        }
        assert_eq!(
            other.after("", "").collect::<Vec<_>>(),
            names.after("", "").collect::<Vec<_>>()
        );
        names.written();
        assert!(names.writes().is_empty());
    }

    #[test]
    fn names_are_listed_by_prefix_and_page() {
        let mut names = SeriesNames::default();
        for name in ["a.x", "b.x", "b.y", "bb", "c"] {
            names.note(name, 1, &json!(1), 10);
        }
        let list = |prefix: &'static str, after: &'static str| names.after(prefix, after).collect::<Vec<_>>();
        assert_eq!(list("b.", ""), ["b.x", "b.y"]);
        assert_eq!(list("b", "b.x"), ["b.y", "bb"]);
        assert_eq!(list("", "b.y"), ["bb", "c"]);
        assert_eq!(list("b", "a"), ["b.x", "b.y", "bb"]);
        assert_eq!(list("z", "a"), [""; 0]);
        assert_eq!(list("b", "c"), [""; 0]);
    }
}
