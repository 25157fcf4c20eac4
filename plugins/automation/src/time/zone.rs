//! Where the house is: its time zone, and its place under the sun.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::sun::{Place, SunEvent};
use super::{Days, TimeOfDay};

const DAY: i64 = 86_400_000;

/// The longest that is looked for a sunrise, in days: a year has one everywhere.
const MOST_DAYS: i64 = 370;

/// A time zone, with its changes between summer and winter, and a place.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    zone: TimeZone,
    place: Option<Place>,
}

impl Zone {
    /// The zone of this IANA name (with the feature `host`), or of this POSIX string.
    pub(crate) fn new(name: &str, place: Option<Place>) -> Result<Zone, jiff::Error> {
        let zone = TimeZone::get(name).or_else(|_| TimeZone::posix(name))?;
        Ok(Zone { zone, place })
    }

    pub(crate) fn utc() -> Zone {
        Zone {
            zone: TimeZone::UTC,
            place: None,
        }
    }

    pub(crate) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    fn datetime(&self, unix_ms: i64) -> Option<DateTime> {
        let timestamp = Timestamp::from_millisecond(unix_ms).ok()?;
        Some(self.zone.to_datetime(timestamp))
    }

    /// The time of the day and the day of the week, Monday being 0.
    pub(crate) fn local(&self, unix_ms: i64) -> Option<(TimeOfDay, i8)> {
        let now = self.datetime(unix_ms)?;
        let time = TimeOfDay {
            hour: now.hour(),
            minute: now.minute(),
            second: now.second(),
        };
        Some((time, now.weekday().to_monday_zero_offset()))
    }

    /// When it is this time of the day on one of these days the next time after `after_ms`.
    pub(crate) fn next_time(&self, time: TimeOfDay, days: Days, after_ms: i64) -> Option<i64> {
        let mut date = self.datetime(after_ms)?.date().yesterday().ok()?;
        for _ in 0..=9 {
            if days.has(date.weekday().to_monday_zero_offset()) {
                let instant = self.instant(date, time)?;
                if instant > after_ms {
                    return Some(instant);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// When it is this time on this day: the first time where it comes twice, just after the gap where it does not come.
    fn instant(&self, date: Date, time: TimeOfDay) -> Option<i64> {
        let local = date.at(time.hour, time.minute, time.second, 0);
        let timestamp = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).ok()?
            }
            AmbiguousOffset::Gap { before, .. } => {
                // By the offset before the gap it is this time a little after the change.
                let later = before.to_timestamp(local).ok()?.as_millisecond() + 1;
                let later = Timestamp::from_millisecond(later).ok()?;
                self.zone.preceding(later).next()?.timestamp()
            }
        };
        Some(timestamp.as_millisecond())
    }

    /// When the sun rises or sets the next time, `offset_ms` added, after `after_ms`, on one of these days.
    pub(crate) fn next_sun(&self, event: SunEvent, offset_ms: i64, days: Days, after_ms: i64) -> Option<i64> {
        let place = self.place?;
        let today = (after_ms - offset_ms).div_euclid(DAY);
        let instants = (today - 2..today + MOST_DAYS).filter_map(|day| place.event(event, day));
        let mut due = instants.map(|instant| instant + offset_ms);
        due.find(|due| *due > after_ms && self.local(*due).is_some_and(|(_, day)| days.has(day)))
    }
}

// The database of time zones comes with the feature.
#[cfg(all(test, feature = "host"))]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::string::ToString;

    use super::*;

    /// In all time zones that there are, a time of day comes once on each day of a year and more.
    #[test]
    fn every_day_has_each_time_once_everywhere() {
        let at = |hour, minute| TimeOfDay {
            hour,
            minute,
            second: 0,
        };
        let begin = 1_767_225_600_000;
        let end = begin + 400 * DAY;
        let (mut zones, mut changes) = (0, 0);
        for name in jiff::tz::db().available() {
            let zone = Zone::new(&name.to_string(), None).unwrap();
            zones += 1;
            // Those that change their time; of the others some are enough.
            let first = zone
                .zone
                .following(Timestamp::from_millisecond(begin).unwrap())
                .next();
            let is_fixed = first.is_none_or(|change| change.timestamp().as_millisecond() > end);
            if is_fixed && zones > 20 {
                continue;
            }
            let times = [at(0, 0), at(0, 30), at(2, 30), at(12, 0)];
            for time in times {
                let mut days = BTreeMap::new();
                let mut now = begin;
                while let Some(next) = zone.next_time(time, Days::ALL, now).filter(|next| *next < end) {
                    assert!(next > now, "{name} {time}");
                    let (local, _) = zone.local(next).unwrap();
                    changes += u32::from(local != time);
                    assert!(local >= time, "{name} {time}: {local} is too early");
                    *days.entry(zone.datetime(next).unwrap().date()).or_insert(0) += 1;
                    now = next;
                }
                let (first, last) = (days.keys().next().unwrap(), days.keys().last().unwrap());
                let span = first.until(*last).unwrap().get_days() + 1;
                assert_eq!(days.len() as i32, span, "{name} {time}: a day is missing");
                assert!(
                    days.values().all(|count| *count == 1),
                    "{name} {time}: a day has it twice"
                );
            }
        }
        assert!(
            zones > 400 && changes > 100,
            "{zones} zones, {changes} times in a gap"
        );
    }
}
