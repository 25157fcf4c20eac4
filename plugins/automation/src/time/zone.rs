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
